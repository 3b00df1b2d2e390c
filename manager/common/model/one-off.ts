import type { Service } from './service.js';
import type { Task } from './task.js';

/** docker compose's label of a container that `run` made: `True` or `False`. */
export const oneOffLabel = 'com.docker.compose.oneoff';

/** Whether it is a command of a user and not one of the file's services. */
export function isOneOff(item: Pick<Service, 'spec'> | Pick<Task, 'spec'>): boolean {
  const task = 'task' in item.spec ? item.spec.task : item.spec;
  return task.container.labels[oneOffLabel] === 'True';
}
