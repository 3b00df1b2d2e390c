import type { ContainerSpec } from './container.js';
import type { ServiceId } from './ids.js';
import type { Labels, Meta } from './meta.js';

/** A service: the user's spec, plus the state of carrying it out that must be persisted. */
export interface Service extends Meta {
  readonly id: ServiceId;
  readonly spec: ServiceSpec;
  /** Hash of `spec.task`: a task with another hash is out of date. See spec-hash.ts. */
  readonly taskHash: string;
  /** Incremented by `--force-recreate` and by rolling restarts; part of `taskHash`. */
  readonly forceUpdate: number;
  /** Last previous spec that was stable: the target of a rollback. */
  readonly previousSpec?: ServiceSpec;
  /** `forceUpdate` of the previous spec: after a rollback, its remaining tasks are up to date. */
  readonly previousForceUpdate?: number;
  /** Status of the last update; absent if the service was never updated. */
  readonly updateStatus?: UpdateStatus;
  /** True once `dependsOn` has been satisfied: later tasks start without another check. */
  readonly dependenciesMet: boolean;
  /** Marked for removal: tasks are removed first, then the service. */
  readonly removing: boolean;
}

/** Written by users only; the system never edits it, but may restore the previous spec. */
export interface ServiceSpec {
  /** Unique in the cluster: `<project>_<service>`. */
  readonly name: string;
  readonly project: string;
  /** Compose key, and the service's DNS name in its networks. */
  readonly service: string;
  /** Labels of the service object (`deploy.labels`), not of its containers. */
  readonly labels: Labels;
  readonly mode: ServiceMode;
  readonly task: TaskSpec;
  readonly dependsOn: readonly Dependency[];
  readonly endpointMode: 'dnsrr' | 'vip';
  /** True after `stop`: slots are kept, their tasks are shut down, `start` fills them again. */
  readonly halted: boolean;
  /** True after `up --no-start`: containers are created and wait for `start`. */
  readonly held?: boolean;
  /** Separator in the names of new containers, `-` unless set. */
  readonly nameSeparator?: '_';
  readonly update?: UpdateConfig;
  readonly rollback?: UpdateConfig;
  /** docker compose's config hash, for its labels. */
  readonly configHash: string;
}

export type ServiceMode = (
  | {
      readonly kind: 'replicated';
      readonly replicas: number;
      /** Jobs only: slots filled at the same time; undefined fills all of them. */
      readonly maxConcurrent?: number;
    }
  | { readonly kind: 'global' }
) & {
  /** Job: tasks run to completion; a completed task is replaced only if the service changes. */
  readonly job?: true;
};

/** Part of the spec that is copied into each task. Any change here recreates the tasks. */
export interface TaskSpec {
  readonly container: ContainerSpec;
  readonly networks: readonly NetworkAttachmentSpec[];
  readonly ports: readonly PortSpec[];
  readonly placement: Placement;
  readonly resources: Resources;
  /**
   * Restarts by the orchestrator (`deploy.restart_policy`); undefined leaves them to the engine.
   */
  readonly restart?: RestartPolicy;
}

export interface NetworkAttachmentSpec {
  /** Name of the network in the cluster (`<project>_<key>`, or the external name). */
  readonly network: string;
  /** Names besides the service's and the container's. */
  readonly aliases: readonly string[];
  readonly ipv4Address?: string;
  /** Only for a single replica; undefined derives it from the address. */
  readonly macAddress?: string;
  /** Options for the engine's network driver. */
  readonly driverOpts?: Readonly<Record<string, string>>;
}

export interface PortSpec {
  readonly target: number;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  /**
   * Port, or first of a range, on the node that runs the task; undefined lets the engine choose.
   */
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
  /** 0 means no limit. */
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
  /** 0 means no limit. */
  readonly maxAttempts: number;
  readonly windowMs: number;
}

export interface UpdateConfig {
  /** Tasks updated at once; 0 means all. */
  readonly parallelism: number;
  readonly delayMs: number;
  readonly failureAction: 'pause' | 'continue' | 'rollback';
  readonly monitorMs: number;
  readonly maxFailureRatio: number;
  readonly order: 'stop-first' | 'start-first';
}

/** Status of an update. Written by the orchestrator; created by control for rolls and rollbacks. */
export interface UpdateStatus {
  /** `roll`: new tasks for the same spec. `rollback`: to the previous spec. */
  readonly kind: 'change' | 'roll' | 'rollback';
  /** `paused`: too many tasks failed; continues only on a user's request. */
  readonly state: 'running' | 'paused' | 'completed';
  /** Target of the update; the status is void if the service has another hash. */
  readonly taskHash: string;
  /** Milliseconds since the epoch, the leader's clock. */
  readonly startedAt: number;
  readonly endedAt?: number;
  /** Why the update was paused or rolled back: `web.2 on node-1: exit 1`. */
  readonly message: string;
  /** Slots whose new task failed within the monitor period. */
  readonly failed: readonly number[];
}

export interface Dependency {
  /** Compose key of a service of the same project. */
  readonly service: string;
  readonly condition: 'service_started' | 'service_healthy' | 'service_completed_successfully';
  readonly required: boolean;
  readonly restart: boolean;
}
