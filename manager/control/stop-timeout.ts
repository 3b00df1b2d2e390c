import type { Service } from '../common/model/service.js';
import type { Task } from '../common/model/task.js';
import { isTerminal } from '../common/model/task-state.js';
import type { Transaction } from '../store/store.js';

/**
 * Sets the stop timeout (ms) of a service's live tasks that are about to stop. The last call wins:
 * undefined removes an earlier override.
 */
export function setStopTimeout(
  tx: Transaction,
  service: Service,
  timeoutMs: number | undefined,
  applies: (task: Task) => boolean = () => true,
): void {
  for (const task of tx.tasksOfService(service.id)) {
    if (isTerminal(task.status.state) || task.stopTimeoutMs === timeoutMs) continue;
    if (!applies(task)) continue;
    const { stopTimeoutMs: _former, ...rest } = task;
    tx.put('tasks', timeoutMs === undefined ? rest : { ...rest, stopTimeoutMs: timeoutMs });
  }
}

/** Matches tasks that the service's current spec replaces or removes. */
export function isOutdated(service: Service): (task: Task) => boolean {
  const { mode } = service.spec;
  const replicas = mode.kind === 'replicated' ? mode.replicas : Infinity;
  return (task) => service.removing || task.taskHash !== service.taskHash || task.slot > replicas;
}
