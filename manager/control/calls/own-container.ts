import { AppError } from '../../common/base/errors.js';
import type { TaskId } from '../../common/model/ids.js';
import type { Service } from '../../common/model/service.js';
import type { Task } from '../../common/model/task.js';
import type { StoreView } from '../../store/store.js';

export function findTask(view: StoreView, id: string): Task {
  const task = view.get('tasks', id as TaskId);
  if (task === undefined) throw new AppError('not-found', `No such container: ${id}`);
  return task;
}

/** The service of a client's container. Throws `unsupported` for other containers. */
export function ownService(view: StoreView, task: Task, verb: string): Service {
  const service = view.get('services', task.serviceId);
  if (service?.spec.task.container.origin !== undefined) return service;
  throw new AppError(
    'unsupported',
    `container ${task.containerName}: belongs to service ${task.service}; ${verb} it in the Compose file and use "shoal up"`,
  );
}
