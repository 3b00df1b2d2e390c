import { findLastWithVolumes } from '../store/volume-holder.js';
import type { TaskId } from '../common/model/ids.js';
import { currentTask, isNodeLost, isWanted, tasksBySlot } from '../store/slots.js';
import { taskHistoryLimit, type Task } from '../common/model/task.js';
import { isTerminal } from '../common/model/task-state.js';
import type { TaskChange } from './task-change.js';
import { deleteTask, retireTask } from './plan-slot.js';
import type { ServiceSnapshot } from './service-snapshot.js';
import { nodeOf } from './service-snapshot.js';

/**
 * Removes a task: deletes its record if it cannot run any more, else sets its desired state to
 * `remove`.
 */
export function removeTask(
  task: Task,
  snapshot: ServiceSnapshot,
  cause: string,
): readonly TaskChange[] {
  const { state } = task.status;
  if (state === 'new' || state === 'pending' || isTerminal(state)) return [deleteTask(task, cause)];
  if (isNodeLost(nodeOf(task, snapshot))) return [deleteTask(task, cause, true)];
  if (task.desired === 'remove') return [];
  return [{ kind: 'desire', taskId: task.id, slot: task.slot, desired: 'remove', cause }];
}

/**
 * Removes tasks outside the wanted slots, ended tasks to be removed, and old history. `ending`:
 * tasks that other changes of the same decision shut down; they count as history.
 */
export function reap(
  snapshot: ServiceSnapshot,
  wanted: { readonly has: (slot: number) => boolean },
  options: { readonly ending: ReadonlySet<TaskId>; readonly surplusCause: string },
): readonly TaskChange[] {
  const changes: TaskChange[] = [];
  for (const [slot, tasks] of tasksBySlot(snapshot.tasks)) {
    if (wanted.has(slot)) changes.push(...reapSlot(tasks, options.ending, snapshot));
    else changes.push(...reapSurplus(tasks, snapshot, options.surplusCause));
  }
  return changes;
}

/**
 * Removes the tasks of a surplus slot. A global service keeps the container of a drained node if it
 * has anonymous volumes: the slot's next task on that node needs them.
 */
function reapSurplus(
  tasks: readonly Task[],
  snapshot: ServiceSnapshot,
  cause: string,
): readonly TaskChange[] {
  const isGlobal = snapshot.service.spec.mode.kind === 'global';
  const holder = isGlobal ? findLastWithVolumes(tasks) : undefined;
  return tasks.flatMap((task) => {
    const node = nodeOf(task, snapshot);
    const isKept = task === holder && !isNodeLost(node) && node?.spec.availability === 'drain';
    if (!isKept || task.desired === 'remove') return removeTask(task, snapshot, cause);
    return isWanted(task) ? [retireTask(task, cause)] : [];
  });
}

/** Whether the task was shut down for a successor that now runs in another container. */
function isReplaced(task: Task, successor: Task | undefined): boolean {
  if (task.status.state !== 'shutdown' || task.desired !== 'shutdown') return false;
  if (successor === undefined || successor === task || successor.adopts === task.id) return false;
  return successor.status.state === 'running';
}

function reapSlot(
  tasks: readonly Task[],
  ending: ReadonlySet<TaskId>,
  snapshot: ServiceSnapshot,
): readonly TaskChange[] {
  const history = tasks
    .filter((task) => !isWanted(task) || ending.has(task.id))
    .filter((task) => task.desired !== 'remove' && isTerminal(task.status.state));
  const holder = findLastWithVolumes(tasks);
  const old = new Set(history.slice(taskHistoryLimit).filter((task) => task !== holder));
  const successor = currentTask(tasks);
  return tasks.flatMap((task) => {
    if (old.has(task)) return [deleteTask(task, 'the history limit is reached')];
    if (isReplaced(task, successor)) return [deleteTask(task, 'it was replaced')];
    if (isWanted(task)) return [];
    if (task.desired === 'remove') return removeTask(task, snapshot, 'it has ended');
    const { state } = task.status;
    return state === 'new' || state === 'pending'
      ? [deleteTask(task, 'it was never assigned')]
      : [];
  });
}
