import type { NetworkId, NodeId, ServiceId, TaskId } from './ids.js';
import type { Meta } from './meta.js';
import type { TaskSpec } from './service.js';
import type { DesiredState, TaskState } from './task-state.js';

/** One attempt to fill a slot on one node. It never moves and never comes back. */
export interface Task extends Meta {
  readonly id: TaskId;
  readonly serviceId: ServiceId;
  /** Copied from the service, so that a task can be read alone. */
  readonly project: string;
  readonly service: string;
  /** 1..N of a replicated service; of a global one a number that is kept for its node. */
  readonly slot: number;
  /** Preset for global services and for tasks bound to a node; else written once by the scheduler. */
  readonly nodeId?: NodeId;
  readonly spec: TaskSpec;
  /** The service's `taskHash` when the task was made. */
  readonly taskHash: string;
  /** docker compose's config hash and the container's name, for labels and names. */
  readonly configHash: string;
  readonly containerName: string;
  readonly desired: DesiredState;
  readonly status: TaskStatus;
  /** Leased addresses, one per network. */
  readonly attachments: readonly Attachment[];
  /** Why it is not placed, or how it was: from the scheduler. */
  readonly explanation?: Explanation;
  /** A dead task whose container, kept on the same node, this one takes over (`stop`, `start`). */
  readonly adopts?: TaskId;
  /** Not started before this time (ms since the epoch): restart delays. */
  readonly notBefore?: number;
  /** How often in a row its slot was filled again before it, by the orchestrator. */
  readonly attempts?: Attempts;
  /** What a user gave its container to stop (`-t`), ms, in place of the spec's grace. */
  readonly stopTimeoutMs?: number;
}

export interface Attempts {
  /** Because the node or its engine refused to run the task. */
  readonly refused: number;
  /** Because it ended and its restart policy said so. */
  readonly restarted: number;
}

/** What was seen of a task. Only the last one before the end is written to disk. */
export interface TaskStatus {
  readonly state: TaskState;
  /** When this state was reached, ms since the epoch, clock of who saw it. */
  readonly at: number;
  readonly message: string;
  /** Why it failed, in the engine's words. */
  readonly error?: string;
  readonly exitCode?: number;
  readonly containerId?: string;
  readonly health?: 'starting' | 'healthy' | 'unhealthy';
  /** Restarts by the engine since the task began. */
  readonly restarts?: number;
  /** When the container was last started, ms since the epoch. */
  readonly startedAt?: number;
  readonly ports?: readonly PublishedPort[];
  /** The image's id on the node, `sha256:…`. */
  readonly imageId?: string;
  readonly paused?: boolean;
  /** What runs as process 1: the image's words and the spec's. */
  readonly command?: readonly string[];
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
  /** Every name it answers to on that network besides the service's: container name, aliases. */
  readonly aliases: readonly string[];
}

export interface Explanation {
  readonly placed: boolean;
  /** `insufficient memory on 3 nodes, node.labels.disk != ssd on 2 nodes`, or why this node won. */
  readonly summary: string;
  /** One line per reason. */
  readonly reasons: readonly string[];
  readonly at: number;
}
