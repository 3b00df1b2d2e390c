import type { Service } from '../common/model/service.js';
import type { Task } from '../common/model/task.js';
import { isTerminal } from '../common/model/task-state.js';
import type { Transaction } from '../store/store.js';

/**
 * Notes how long the containers of a service that are to stop now may take. The last word counts:
 * undefined takes back what was said before.
 */
export function setStopTimeout(
  tx: Transaction,
  service: Service,
  timeoutMs: number | undefined,
  concerns: (task: Task) => boolean = () => true,
): void {
  for (const task of tx.tasksOfService(service.id)) {
    if (isTerminal(task.status.state) || task.stopTimeoutMs === timeoutMs) continue;
    if (!concerns(task)) continue;
    const { stopTimeoutMs: _former, ...rest } = task;
    tx.put('tasks', timeoutMs === undefined ? rest : { ...rest, stopTimeoutMs: timeoutMs });
  }
}

/** True of tasks that a service in its present form has no place for. */
export function isOutdated(service: Service): (task: Task) => boolean {
  const { mode } = service.spec;
  const replicas = mode.kind === 'replicated' ? mode.replicas : Infinity;
  return (task) => service.removing || task.taskHash !== service.taskHash || task.slot > replicas;
}
