import type { Node } from '../common/model/node.js';
import type { Task } from '../common/model/task.js';
import { isTerminal } from '../common/model/task-state.js';

/** Newest first; of the same moment the greater id first, so that everybody agrees. */
export function byNewest(a: Task, b: Task): number {
  if (a.createdAt !== b.createdAt) return b.createdAt - a.createdAt;
  return a.id < b.id ? 1 : a.id > b.id ? -1 : 0;
}

/** The tasks of one service by slot, each newest first. */
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

/** Meant to fill its slot, whether or not it does at the moment. */
export function isWanted(task: Task): boolean {
  return task.desired === 'ready' || task.desired === 'running' || task.desired === 'complete';
}

/** The task that fills a slot: the newest that is wanted, dead or alive. */
export function currentTask(slotTasks: readonly Task[]): Task | undefined {
  return slotTasks.find(isWanted);
}

/** Told to end and not yet confirmed to have ended. */
export function isLeaving(task: Task): boolean {
  return !isWanted(task) && !isTerminal(task.status.state);
}

/** Running, and healthy where it has a check: what may stand in for its service. */
export function isAvailable(task: Task): boolean {
  const { state, health } = task.status;
  return state === 'running' && (health === undefined || health === 'healthy');
}

/** Gone from the cluster's point of view: what ran there is replaced without waiting for its end. */
export function isLost(node: Node | undefined): boolean {
  return node === undefined || node.status.state === 'down';
}

/** Ended before it ever ran, by the node's or the engine's doing: image missing, port in use, no such device. */
export function wasRefused(task: Task): boolean {
  const { state, startedAt, exitCode } = task.status;
  if (state === 'rejected') return true;
  return state === 'failed' && startedAt === undefined && exitCode === undefined;
}
