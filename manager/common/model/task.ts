import type { ErrorKind } from '../base/errors.js';
import type { NetworkId, NodeId, ServiceId, TaskId } from './ids.js';
import type { Meta } from './meta.js';
import type { TaskSpec } from './service.js';
import type { DesiredState, TaskState } from './task-state.js';

/**
 * Number of ended tasks kept per slot, for `ps -a`, logs and explanations. Only tasks that ended by
 * themselves are kept: a replaced task is deleted, with its container, once its successor runs. The
 * last task whose container has anonymous volumes is kept as well: the next container reuses them.
 */
export const taskHistoryLimit = 2;

/**
 * One attempt to fill a slot on one node. A task never moves and never runs again once it has
 * ended.
 */
export interface Task extends Meta {
  readonly id: TaskId;
  readonly serviceId: ServiceId;
  /** Copied from the service, so that a task can be read without it. */
  readonly project: string;
  readonly service: string;
  /** 1..N for a replicated service; for a global one, a number that stays with its node. */
  readonly slot: number;
  /**
   * Preset for global services and tasks bound to a node; otherwise written once by the scheduler.
   */
  readonly nodeId?: NodeId;
  readonly spec: TaskSpec;
  /** The service's `taskHash` when the task was created. */
  readonly taskHash: string;
  /** docker compose's config hash and the container's name, for labels and names. */
  readonly configHash: string;
  readonly containerName: string;
  readonly desired: DesiredState;
  readonly status: TaskStatus;
  /** Leased addresses, one per network. */
  readonly attachments: readonly Attachment[];
  /** Why the task is not placed, or how it was placed; written by the scheduler. */
  readonly explanation?: Explanation;
  /** The task waits for quota of its project: it uses none, and is not placed. */
  readonly overQuota?: true;
  /** Ended task whose container on the same node this task takes over (`stop`, `start`). */
  readonly adopts?: TaskId;
  /** Not started before this time (ms since the epoch): restart delays. */
  readonly notBefore?: number;
  /** Number of consecutive replacements in the slot before this task. */
  readonly attempts?: Attempts;
  /** Stop timeout set by a user (`-t`), ms; overrides the spec's grace period. */
  readonly stopTimeoutMs?: number;
}

export interface Attempts {
  /** Replacements because the node or its engine rejected the task. */
  readonly refused: number;
  /** Replacements by the restart policy after the task ended. */
  readonly restarted: number;
}

/** Observed status of a task. Only the final status is written to disk. */
export interface TaskStatus {
  readonly state: TaskState;
  /** When this state was reached, ms since the epoch, clock of the observer. */
  readonly at: number;
  readonly message: string;
  /** Error message of the engine. */
  readonly error?: string;
  /** Its kind, from the engine's status. */
  readonly errorKind?: ErrorKind;
  readonly exitCode?: number;
  readonly containerId?: string;
  readonly health?: 'starting' | 'healthy' | 'unhealthy';
  /** Restarts by the engine since the task started. */
  readonly restarts?: number;
  /** When the container was last started, ms since the epoch. */
  readonly startedAt?: number;
  readonly ports?: readonly PublishedPort[];
  /** The image's id on the node, `sha256:…`. */
  readonly imageId?: string;
  readonly paused?: boolean;
  /** Command line of process 1, from image and spec. */
  readonly command?: readonly string[];
  /** Paths in the container where anonymous volumes are mounted, sorted; undefined if none. */
  readonly anonymousVolumes?: readonly string[];
  /** Addresses that the container has on networks of the cluster, sorted; undefined if none. */
  readonly addresses?: readonly string[];
}

export interface PublishedPort {
  readonly target: number;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly hostIp: string;
  readonly published: number;
}

export interface Attachment {
  readonly networkId: NetworkId;
  readonly network: string;
  /** Dotted IPv4 address. */
  readonly address: string;
  readonly mac: string;
  /** DNS names on that network besides the service's: container name and aliases. */
  readonly aliases: readonly string[];
}

export interface Explanation {
  readonly placed: boolean;
  /**
   * `insufficient memory on 3 nodes, node.labels.disk != ssd on 2 nodes`, or why this node was
   * chosen.
   */
  readonly summary: string;
  /** One line per reason. */
  readonly reasons: readonly string[];
  /**
   * Set if the task would fit on the node of its slot's previous task, once that task has stopped.
   */
  readonly awaits?: 'predecessor';
  readonly at: number;
}
