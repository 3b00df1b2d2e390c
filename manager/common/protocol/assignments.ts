import type { ConfigId, NetworkId, NodeId, SecretId, TaskId } from '../model/ids.js';
import type { Endpoint, NetworkOnNode, ProjectNames } from '../model/network-view.js';
import type { Task } from '../model/task.js';
import type { Volume } from '../model/network.js';

/** A task as sent to its node: the stored record without the fields only managers use. */
export interface AssignedTask extends TaskParts {
  /**
   * Delay before the start, ms, counted from when the node first receives the task. A duration
   * rather than a time stamp, because the clocks of node and manager may differ.
   */
  readonly startDelayMs?: number;
  /**
   * Id of the image's recorded content for the task's platform; a container is created from no
   * other. Absent without a record.
   */
  readonly imageId?: string;
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

/**
 * Content of a secret or config, base64. The worker keeps it in memory and on disk only while in
 * use.
 */
export interface AssignedFile {
  readonly id: SecretId | ConfigId;
  readonly kind: 'secret' | 'config';
  readonly name: string;
  readonly data: string;
}

/**
 * Full assignment set of one node: its tasks and all they need. The worker persists the latest set.
 */
export interface AssignmentSet {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  /** Incremented by each message that changes the set; restarts with each session. */
  readonly sequence: number;
  readonly tasks: readonly AssignedTask[];
  readonly networks: readonly NetworkOnNode[];
  /** Every endpoint of these networks, on all nodes. */
  readonly endpoints: readonly Endpoint[];
  /** Projects of the tasks that use networks. */
  readonly projects: readonly ProjectNames[];
  readonly volumes: readonly Volume['spec'][];
  readonly files: readonly AssignedFile[];
}

/**
 * Delta from set `sequence` - 1. Items are keyed by id (volumes and projects by name); an upsert replaces the
 * item.
 */
export interface AssignmentChange {
  readonly sequence: number;
  readonly upsert: {
    readonly tasks?: readonly AssignedTask[];
    readonly networks?: readonly NetworkOnNode[];
    readonly endpoints?: readonly Endpoint[];
    readonly projects?: readonly ProjectNames[];
    readonly volumes?: readonly Volume['spec'][];
    readonly files?: readonly AssignedFile[];
  };
  readonly remove: {
    readonly tasks?: readonly TaskId[];
    readonly networks?: readonly NetworkId[];
    readonly endpoints?: readonly string[];
    readonly projects?: readonly string[];
    readonly volumes?: readonly string[];
    readonly files?: readonly string[];
  };
}
