import type { NodeId, TaskId } from '../common/model/ids.js';
import type { UpdateStatus } from '../common/model/service.js';
import type { Attempts, Task } from '../common/model/task.js';

/** A task to be made in a slot of the service. */
export interface NewTask {
  readonly slot: number;
  /** Bound to this node from the start. */
  readonly nodeId?: NodeId;
  /** The ended task on that node whose container it takes over. */
  readonly adopts?: Task;
  /** `ready` is prepared but not started: its dependencies are not met yet. */
  readonly desired: 'ready' | 'running';
  readonly notBefore?: number;
  readonly attempts?: Attempts;
}

/** One thing to write about a service, and why. Deciding makes these, apply.ts writes them. */
export type TaskChange =
  | { readonly kind: 'create'; readonly task: NewTask; readonly cause: string }
  | {
      readonly kind: 'desire';
      readonly taskId: TaskId;
      readonly slot: number;
      readonly desired: 'running' | 'shutdown' | 'remove';
      readonly cause: string;
    }
  /** Forgets the record. `fence`: its node may still run it, so its addresses stay out of use. */
  | {
      readonly kind: 'delete';
      readonly taskId: TaskId;
      readonly slot: number;
      readonly fence: boolean;
      readonly cause: string;
    }
  /** Why a placed task does not start; undefined gives it its placement's explanation back. */
  | {
      readonly kind: 'explain';
      readonly taskId: TaskId;
      readonly slot: number;
      readonly summary: string | undefined;
      readonly cause: string;
    }
  | { readonly kind: 'dependencies-met'; readonly cause: string }
  /** How far a change of the service has come. */
  | { readonly kind: 'update-status'; readonly status: UpdateStatus; readonly cause: string }
  /** To the spec before; all else is decided anew after it. */
  | { readonly kind: 'roll-back'; readonly cause: string }
  | { readonly kind: 'remove-service'; readonly cause: string }
  /** Nothing to write: look again at this time (ms since the epoch). */
  | { readonly kind: 'wait'; readonly until: number; readonly cause: string };

/** One line an item, in the order given. */
export function describe(changes: readonly TaskChange[]): string {
  return changes.map(describeChange).join('\n');
}

function describeChange(change: TaskChange): string {
  return `${what(change)}: ${change.cause}`;
}

function what(change: TaskChange): string {
  switch (change.kind) {
    case 'create':
      return describeNew(change.task);
    case 'desire':
      return `slot ${change.slot}: ${change.taskId} to ${change.desired}`;
    case 'delete':
      return `slot ${change.slot}: forget ${change.taskId}${change.fence ? ', fence' : ''}`;
    case 'explain':
      return `slot ${change.slot}: ${change.taskId} ${change.summary === undefined ? 'explained no more' : 'explained'}`;
    case 'dependencies-met':
      return 'dependencies met';
    case 'update-status':
      return `${change.status.kind} ${change.status.state}`;
    case 'roll-back':
      return 'back to the spec before';
    case 'remove-service':
      return 'remove the service';
    case 'wait':
      return `wait until ${change.until}`;
  }
}

function describeNew(task: NewTask): string {
  const parts = [`slot ${task.slot}: new task, ${task.desired}`];
  if (task.nodeId !== undefined) parts.push(`on ${task.nodeId}`);
  if (task.adopts !== undefined) parts.push(`adopts ${task.adopts.id}`);
  if (task.notBefore !== undefined) parts.push(`not before ${task.notBefore}`);
  return parts.join(', ');
}
