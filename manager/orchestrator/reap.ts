import type { TaskId } from '../common/model/ids.js';
import { currentTask, isLost, isWanted, tasksBySlot } from '../store/slots.js';
import type { Task } from '../common/model/task.js';
import { isTerminal } from '../common/model/task-state.js';
import type { TaskChange } from './change.js';
import { forget } from './fill.js';
import type { ServiceScene } from './scene.js';
import { nodeOf } from './scene.js';

/**
 * Ended tasks that each slot keeps, for `ps -a`, logs and explanations. Only what ended by itself is worth
 * keeping: a task that was shut down to be replaced goes, with its container, once its successor stands.
 */
const historyLength = 2;

/** Takes a task out of the cluster: forgets it when nothing of it can run any more, else has it removed. */
export function dismiss(task: Task, scene: ServiceScene, cause: string): readonly TaskChange[] {
  const { state } = task.status;
  if (state === 'new' || state === 'pending' || isTerminal(state)) return [forget(task, cause)];
  if (isLost(nodeOf(task, scene))) return [forget(task, cause, true)];
  if (task.desired === 'remove') return [];
  return [{ kind: 'desire', taskId: task.id, slot: task.slot, desired: 'remove', cause }];
}

/**
 * What no longer belongs to any wanted slot, what was to be removed and has ended, and old history.
 * `ending` are tasks that other changes of the same decision shut down: they become history by it.
 */
export function reap(
  scene: ServiceScene,
  wanted: { readonly has: (slot: number) => boolean },
  how: { readonly ending: ReadonlySet<TaskId>; readonly surplusCause: string },
): readonly TaskChange[] {
  const changes: TaskChange[] = [];
  for (const [slot, tasks] of tasksBySlot(scene.tasks)) {
    if (wanted.has(slot)) changes.push(...reapSlot(tasks, how.ending, scene));
    else changes.push(...tasks.flatMap((task) => dismiss(task, scene, how.surplusCause)));
  }
  return changes;
}

/** Shut down for a successor that runs by now, and not on in the same container. */
function isReplaced(task: Task, successor: Task | undefined): boolean {
  if (task.status.state !== 'shutdown' || task.desired !== 'shutdown') return false;
  if (successor === undefined || successor === task || successor.adopts === task.id) return false;
  return successor.status.state === 'running';
}

function reapSlot(
  tasks: readonly Task[],
  ending: ReadonlySet<TaskId>,
  scene: ServiceScene,
): readonly TaskChange[] {
  const history = tasks
    .filter((task) => !isWanted(task) || ending.has(task.id))
    .filter((task) => task.desired !== 'remove' && isTerminal(task.status.state));
  const old = new Set(history.slice(historyLength));
  const successor = currentTask(tasks);
  return tasks.flatMap((task) => {
    if (old.has(task)) return [forget(task, 'it is history')];
    if (isReplaced(task, successor)) return [forget(task, 'it was replaced')];
    if (isWanted(task)) return [];
    if (task.desired === 'remove') return dismiss(task, scene, 'it has ended');
    const { state } = task.status;
    return state === 'new' || state === 'pending' ? [forget(task, 'it never had a node')] : [];
  });
}
