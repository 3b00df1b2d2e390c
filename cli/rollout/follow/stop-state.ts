import type { Task } from '../../../manager/common/model/task.js';
import { isTerminal } from '../../../manager/common/model/task-state.js';
import type { WatchedState } from '../../client/watched.js';
import type { ProgressRow } from '../../output/progress.js';
import type { WaitStatus } from './wait-status.js';
import { isNodeDown, taskNodeName } from './slots.js';

/**
 * Checks which of the tasks have ended. Pure. Tasks on nodes that are down count as done, with a
 * warning.
 */
export function evaluateStopped(
  tasks: readonly Task[],
  texts: { readonly working: string; readonly done: string },
  state: WatchedState,
): WaitStatus {
  const rows = tasks.map((task): ProgressRow => {
    const id = `Container ${task.containerName}`;
    const node = task.nodeId === undefined ? undefined : state.nodes.get(task.nodeId);
    const detail = taskNodeName(state, task);
    if (isNodeDown(node)) {
      return { id, text: 'Unknown', state: 'warning', detail: `${detail} is down` };
    }
    const now = state.tasks.get(task.id);
    const ended = now === undefined || isTerminal(now.status.state);
    return ended
      ? { id, text: texts.done, state: 'done', detail }
      : { id, text: texts.working, state: 'working', detail };
  });
  return { rows, done: rows.every((row) => row.state !== 'working'), stuck: [] };
}
