import type { Service } from '../service.js';
import type { Task } from '../task.js';

/** docker compose's label for containers created by `run`: `True` or `False`. */
export const oneOffLabel = 'com.docker.compose.oneoff';

/** Whether a service or task is a one-off command (`run`), not a service of the Compose file. */
export function isOneOff(item: Pick<Service, 'spec'> | Pick<Task, 'spec'>): boolean {
  const task = 'task' in item.spec ? item.spec.task : item.spec;
  return task.container.labels[oneOffLabel] === 'True';
}
