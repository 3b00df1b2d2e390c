import type { ContainerSpec } from './container.js';
import type { ServiceId } from './ids.js';
import type { Labels, Meta } from './meta.js';

/** A service: what the user asked for, plus the little that must be remembered of carrying it out. */
export interface Service extends Meta {
  readonly id: ServiceId;
  readonly spec: ServiceSpec;
  /** Hash of `spec.task`: a task that carries another one is out of date. See spec-hash.ts. */
  readonly taskHash: string;
  /** Raised by `--force-recreate` and by `restart` of the orchestrator's kind; part of `taskHash`. */
  readonly forceUpdate: number;
  /** The last spec before that stood: what going back leads to. */
  readonly previousSpec?: ServiceSpec;
  /** Its `forceUpdate`: tasks that were made for it and are left are up to date then. */
  readonly previousForceUpdate?: number;
  /** How the last change of what runs in its tasks went; of a service as it was made, none. */
  readonly updateStatus?: UpdateStatus;
  /** True once `dependsOn` has been satisfied: later tasks start without asking again. */
  readonly dependenciesMet: boolean;
  /** Set by removal: tasks go first, then the service. */
  readonly removing: boolean;
}

/** Written by users only; the system never edits it, but may put the one before in its place. */
export interface ServiceSpec {
  /** Unique in the cluster: `<project>_<service>`. */
  readonly name: string;
  readonly project: string;
  /** The Compose key, and the name it is found by in its networks. */
  readonly service: string;
  /** Labels of the service object (`deploy.labels`), not of its containers. */
  readonly labels: Labels;
  readonly mode: ServiceMode;
  readonly task: TaskSpec;
  readonly dependsOn: readonly Dependency[];
  readonly endpointMode: 'dnsrr' | 'vip';
  /** True after `stop`: slots stay, their tasks are shut down, `start` fills them again. */
  readonly halted: boolean;
  /** True after `up --no-start`: containers are made and wait for `start`. */
  readonly held?: boolean;
  readonly update?: UpdateConfig;
  readonly rollback?: UpdateConfig;
  /** docker compose's config hash, for its labels. */
  readonly configHash: string;
}

export type ServiceMode = (
  { readonly kind: 'replicated'; readonly replicas: number } | { readonly kind: 'global' }
) & {
  /** Its tasks run to their end: one that has ended well stays so until the service is changed. */
  readonly job?: true;
};

/** What is copied into each task. A change of anything in here recreates the tasks. */
export interface TaskSpec {
  readonly container: ContainerSpec;
  readonly networks: readonly NetworkAttachmentSpec[];
  readonly ports: readonly PortSpec[];
  readonly placement: Placement;
  readonly resources: Resources;
  /** The orchestrator's restarts (`deploy.restart_policy`); undefined leaves it to the engine. */
  readonly restart?: RestartPolicy;
}

export interface NetworkAttachmentSpec {
  /** Name of the network in the cluster (`<project>_<key>`, or the external name). */
  readonly network: string;
  /** Names besides the service's and the container's. */
  readonly aliases: readonly string[];
  readonly ipv4Address?: string;
  /** Of the only replica; undefined derives it from the address. */
  readonly macAddress?: string;
  /** Passed on to the engine's network driver. */
  readonly driverOpts?: Readonly<Record<string, string>>;
}

export interface PortSpec {
  readonly target: number;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  /** Port, or first of a range, on the node that runs the task; undefined lets the engine choose. */
  readonly published?: number;
  readonly publishedEnd?: number;
  readonly hostIp?: string;
  readonly mode: 'host' | 'ingress';
}

export interface Placement {
  /** `node.labels.disk == ssd`; see constraint.ts. */
  readonly constraints: readonly string[];
  /** Ordered `spread` preferences: `node.labels.zone`. */
  readonly preferences: readonly string[];
  /** 0 is without limit. */
  readonly maxReplicasPerNode: number;
}

export interface Resources {
  readonly limits: {
    readonly nanoCpus?: number;
    readonly memoryBytes?: number;
    readonly pids?: number;
  };
  readonly reservations: { readonly nanoCpus: number; readonly memoryBytes: number };
}

export interface RestartPolicy {
  readonly condition: 'none' | 'on-failure' | 'any';
  readonly delayMs: number;
  /** 0 is without limit. */
  readonly maxAttempts: number;
  readonly windowMs: number;
}

export interface UpdateConfig {
  /** Tasks at once; 0 is all. */
  readonly parallelism: number;
  readonly delayMs: number;
  readonly failureAction: 'pause' | 'continue' | 'rollback';
  readonly monitorMs: number;
  readonly maxFailureRatio: number;
  readonly order: 'stop-first' | 'start-first';
}

/** How a change of a service's tasks goes. Written by the orchestrator; begun by control where it is asked for. */
export interface UpdateStatus {
  /** `roll`: the same spec with new tasks. `rollback`: to the spec before. */
  readonly kind: 'change' | 'roll' | 'rollback';
  /** `paused`: too many failed; it goes on when a user says so. */
  readonly state: 'running' | 'paused' | 'completed';
  /** What it leads to; of a service with another one it says nothing any more. */
  readonly taskHash: string;
  /** Milliseconds since the epoch, the leader's clock. */
  readonly startedAt: number;
  readonly endedAt?: number;
  /** Why it was paused, or gone back: `web.2 on node-1: exit 1`. */
  readonly message: string;
  /** Slots whose new task failed while it was watched. */
  readonly failed: readonly number[];
}

export interface Dependency {
  /** Compose key of a service of the same project. */
  readonly service: string;
  readonly condition: 'service_started' | 'service_healthy' | 'service_completed_successfully';
  readonly required: boolean;
  readonly restart: boolean;
}
