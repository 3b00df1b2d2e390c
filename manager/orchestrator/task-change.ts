import type { NodeId, TaskId } from '../common/model/ids.js';
import type { UpdateStatus } from '../common/model/service.js';
import type { Attempts, Explanation, Task } from '../common/model/task.js';

/** A task to create in a slot of the service. */
export interface NewTask {
  readonly slot: number;
  /** Node the task is bound to when it is created. */
  readonly nodeId?: NodeId;
  /** Ended task on that node whose container the new task takes over. */
  readonly adopts?: Task;
  /** `ready`: created but not started, since dependencies are not met or the service is held. */
  readonly desired: 'ready' | 'running';
  readonly notBefore?: number;
  readonly attempts?: Attempts;
  /** Why the task waits for quota; it is created without a right to a node. */
  readonly overQuota?: Omit<Explanation, 'at'>;
}

/** One write about a service, with its cause. Decisions return changes; apply.ts writes them. */
export type TaskChange =
  | { readonly kind: 'create'; readonly task: NewTask; readonly cause: string }
  | {
      readonly kind: 'desire';
      readonly taskId: TaskId;
      readonly slot: number;
      readonly desired: 'running' | 'shutdown' | 'remove';
      readonly cause: string;
    }
  /** Deletes the record. `fence`: the node may still run the task, so its addresses stay leased. */
  | {
      readonly kind: 'delete';
      readonly taskId: TaskId;
      readonly slot: number;
      readonly fence: boolean;
      readonly cause: string;
    }
  /** Sets why a placed task does not start; undefined restores the placement explanation. */
  | {
      readonly kind: 'explain';
      readonly taskId: TaskId;
      readonly slot: number;
      readonly summary: string | undefined;
      readonly cause: string;
    }
  /** Changes why a task waits for quota. */
  | {
      readonly kind: 'hold';
      readonly taskId: TaskId;
      readonly slot: number;
      readonly explanation: Omit<Explanation, 'at'>;
      readonly cause: string;
    }
  /** The quota has room for a waiting task: it may be placed. */
  | {
      readonly kind: 'admit';
      readonly taskId: TaskId;
      readonly slot: number;
      readonly cause: string;
    }
  | { readonly kind: 'dependencies-met'; readonly cause: string }
  /** Progress of an update. */
  | { readonly kind: 'update-status'; readonly status: UpdateStatus; readonly cause: string }
  /** Restores the previous spec; the next decision starts from it. */
  | { readonly kind: 'roll-back'; readonly cause: string }
  | { readonly kind: 'remove-service'; readonly cause: string }
  /** Writes nothing: decide again at this time (ms since the epoch). */
  | { readonly kind: 'wait'; readonly until: number; readonly cause: string };
