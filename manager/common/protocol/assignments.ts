import type { ConfigId, NetworkId, NodeId, SecretId, TaskId } from '../model/ids.js';
import type { Endpoint, NetworkOnNode } from '../model/network-view.js';
import type { Task } from '../model/task.js';
import type { Volume } from '../model/network.js';

/** A task as its node must know it: the record without the manager's own business. */
export interface AssignedTask extends TaskParts {
  /**
   * How long its node waits with the start, from when it first hears of the task. Not a moment: a node's
   * clock need not be the manager's.
   */
  readonly startDelayMs?: number;
}

type TaskParts = Pick<
  Task,
  | 'id'
  | 'serviceId'
  | 'project'
  | 'service'
  | 'slot'
  | 'spec'
  | 'taskHash'
  | 'configHash'
  | 'containerName'
  | 'desired'
  | 'attachments'
  | 'adopts'
  | 'stopTimeoutMs'
>;

/** A secret or config file's content, base64. Kept in the worker's memory and on its disk only while used. */
export interface AssignedFile {
  readonly id: SecretId | ConfigId;
  readonly kind: 'secret' | 'config';
  readonly name: string;
  readonly data: string;
}

/** All that one node must do and know. A worker keeps the last one on disk. */
export interface AssignmentSet {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  /** Raised by each message that changed the set; starts anew with each session. */
  readonly sequence: number;
  readonly tasks: readonly AssignedTask[];
  readonly networks: readonly NetworkOnNode[];
  /** Every endpoint of these networks, also those of other nodes. */
  readonly endpoints: readonly Endpoint[];
  readonly volumes: readonly Volume['spec'][];
  readonly files: readonly AssignedFile[];
}

/** What changed since `sequence` - 1. Items are keyed by id (volumes: by name); an upsert replaces. */
export interface AssignmentChange {
  readonly sequence: number;
  readonly upsert: {
    readonly tasks?: readonly AssignedTask[];
    readonly networks?: readonly NetworkOnNode[];
    readonly endpoints?: readonly Endpoint[];
    readonly volumes?: readonly Volume['spec'][];
    readonly files?: readonly AssignedFile[];
  };
  readonly remove: {
    readonly tasks?: readonly TaskId[];
    readonly networks?: readonly NetworkId[];
    readonly endpoints?: readonly string[];
    readonly volumes?: readonly string[];
    readonly files?: readonly string[];
  };
}
