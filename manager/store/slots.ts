import type { Node } from '../common/model/node.js';
import type { Task } from '../common/model/task.js';
import { isTerminal } from '../common/model/task-state.js';

/**
 * Orders tasks newest first; ties are broken by the greater id, so that the order is deterministic.
 */
export function byNewest(a: Task, b: Task): number {
  if (a.createdAt !== b.createdAt) return b.createdAt - a.createdAt;
  return a.id < b.id ? 1 : a.id > b.id ? -1 : 0;
}

/** Groups the tasks of a service by slot, newest first. */
export function tasksBySlot(tasks: readonly Task[]): ReadonlyMap<number, readonly Task[]> {
  const slots = new Map<number, Task[]>();
  for (const task of tasks) {
    const slot = slots.get(task.slot);
    if (slot === undefined) slots.set(task.slot, [task]);
    else slot.push(task);
  }
  for (const slot of slots.values()) slot.sort(byNewest);
  return slots;
}

/** Whether a task is meant to fill its slot, regardless of its state. */
export function isWanted(task: Task): boolean {
  return task.desired === 'ready' || task.desired === 'running' || task.desired === 'complete';
}

/** Whether a task waits for a node, is still wanted and has quota. */
export function isPlaceable(task: Task): boolean {
  return task.status.state === 'pending' && isWanted(task) && task.overQuota === undefined;
}

/** Current task of a slot: the newest wanted one, running or ended. */
export function currentTask(slotTasks: readonly Task[]): Task | undefined {
  return slotTasks.find(isWanted);
}

/** Whether a task is being stopped and its end is not yet confirmed. */
export function isShuttingDown(task: Task): boolean {
  return !isWanted(task) && !isTerminal(task.status.state);
}

/** Whether a task is available: running, and healthy if it has a health check. */
export function isAvailable(task: Task): boolean {
  const { state, health } = task.status;
  return state === 'running' && (health === undefined || health === 'healthy');
}

/** Whether a node is removed or down: its tasks are replaced without waiting for their end. */
export function isNodeLost(node: Node | undefined): boolean {
  return node === undefined || node.status.state === 'down';
}

/** Whether node or engine failed to start the task: image missing, port in use, no such device. */
export function wasRejected(task: Task): boolean {
  const { state, startedAt, exitCode } = task.status;
  if (state === 'rejected') return true;
  return state === 'failed' && startedAt === undefined && exitCode === undefined;
}
