import type { NodeId } from '../common/model/ids.js';
import type { Task, TaskStatus } from '../common/model/task.js';
import { canTransition, isTerminal } from '../common/model/task-state.js';

/**
 * Returns the task after a worker's report; undefined if the report is ignored: the task is
 * unknown, is another node's or has ended, or the report is stale (an earlier state) or changes
 * nothing.
 */
export function applyReport(
  task: Task | undefined,
  nodeId: NodeId,
  status: TaskStatus,
): Task | undefined {
  if (task?.nodeId !== nodeId) return undefined;
  const { state } = task.status;
  if (isTerminal(state) || !canTransition(state, status.state, 'dispatcher')) return undefined;
  if (sameStatus(task.status, status)) return undefined;
  return { ...task, status };
}

function sameStatus(a: TaskStatus, b: TaskStatus): boolean {
  const keys = Object.keys({ ...a, ...b }) as (keyof TaskStatus)[];
  return keys.every((key) => key === 'at' || isSameValue(a[key] ?? [], b[key] ?? []));
}

/** Compares values of a status: numbers, texts and short lists. */
function isSameValue(a: unknown, b: unknown): boolean {
  return a === b || (Array.isArray(a) && JSON.stringify(a) === JSON.stringify(b));
}
