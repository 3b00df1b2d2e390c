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
  readonly previousSpec?: ServiceSpec;
  /** True once `dependsOn` has been satisfied: later tasks start without asking again. */
  readonly dependenciesMet: boolean;
  /** Set by removal: tasks go first, then the service. */
  readonly removing: boolean;
}

/** Written by users only; the system never edits it. */
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

export interface Dependency {
  /** Compose key of a service of the same project. */
  readonly service: string;
  readonly condition: 'service_started' | 'service_healthy' | 'service_completed_successfully';
  readonly required: boolean;
  readonly restart: boolean;
}
