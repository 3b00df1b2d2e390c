import { AppError } from '../common/base/errors.js';
import { isClientContainer } from '../common/model/compose/compose-container.js';
import type { NodeId } from '../common/model/ids.js';
import type { Node } from '../common/model/node.js';
import type { PlacedTask } from '../common/model/running-task.js';
import { hasRunningContainer, selectRunningTask } from '../common/model/running-task.js';
import type { Service } from '../common/model/service.js';
import { stateRank } from '../common/model/task-state.js';
import type { TaskRef } from '../common/protocol/control.js';
import type { StoreView } from '../store/store.js';

/** Services of a project by key, or by id where several have the same key. */
export interface Selection {
  readonly project: string;
  readonly services: readonly string[];
  readonly serviceIds?: readonly string[];
}

/** Finds a service of a project by key. Throws `not-found` if it is absent or being removed. */
export function findService(view: StoreView, project: string, key: string): Service {
  const service = view
    .servicesOfProject(project)
    .find((item) => item.spec.service === key && !item.removing);
  if (service === undefined) throw new AppError('not-found', `no such service: ${key}`);
  return service;
}

/**
 * Finds services of a project by key; without keys, all that are not being removed. Containers that
 * docker compose created are services of their own with the same key.
 */
export function findServices(
  view: StoreView,
  project: string,
  keys: readonly string[],
): readonly Service[] {
  const all = view.servicesOfProject(project).filter((service) => !service.removing);
  if (keys.length === 0) return all;
  const missing = keys.find((key) => !all.some(({ spec }) => spec.service === key));
  if (missing !== undefined) throw new AppError('not-found', `no such service: ${missing}`);
  return all.filter(({ spec }) => keys.includes(spec.service));
}

/** Services that a call selects. `serviceIds` restricts it to these of the project. */
export function findSelected(
  view: StoreView,
  { project, services, serviceIds = [] }: Selection,
): readonly Service[] {
  const found = findServices(view, project, services);
  return serviceIds.length === 0 ? found : found.filter(({ id }) => serviceIds.includes(id));
}

/** Throws `conflict` for a container that a client created: no file says what it should be. */
export function requireManaged(service: Service, verb: 'replaced' | 'scaled'): void {
  if (!isClientContainer(service)) return;
  const { service: key, task } = service.spec;
  const name = task.container.containerName ?? key;
  throw new AppError(
    'conflict',
    `service ${key}: container ${name} was created through the Docker API and cannot be ${verb}; run "shoal up", which takes it over, or use the client that created it`,
  );
}

/** Finds a node by ID, name or unambiguous ID prefix. Throws `invalid` or `not-found`. */
export function findNode(view: StoreView, reference: string): Node {
  const exact = view.get('nodes', reference as NodeId) ?? view.nodeByName(reference);
  if (exact !== undefined) return exact;
  const matches =
    reference === '' ? [] : view.list('nodes').filter((node) => node.id.startsWith(reference));
  const [first] = matches;
  if (matches.length > 1) {
    throw new AppError(
      'invalid',
      `node ${reference} is ambiguous: ${matches.length} matches found; use a longer prefix`,
    );
  }
  if (first === undefined) throw new AppError('not-found', `no such node: ${reference}`);
  return first;
}

/** Finds the running task of a slot; without an index, that of the lowest running slot. */
export function findRunningTask(view: StoreView, ref: TaskRef): PlacedTask {
  const services = findServices(view, ref.project, [ref.service]);
  const task = selectRunningTask(
    services.flatMap(({ id }) => view.tasksOfService(id)),
    ref.index,
  );
  if (task !== undefined) return task;
  const which = ref.index === undefined ? '' : ` #${ref.index}`;
  throw new AppError('not-found', `service "${ref.service}" is not running container${which}`);
}

/** Finds the task of a one-off service whose container has been created. */
export function findCreatedTask(view: StoreView, ref: TaskRef): PlacedTask {
  const service = findService(view, ref.project, ref.service);
  const task = view
    .tasksOfService(service.id)
    .filter(({ status }) => stateRank(status.state) >= stateRank('ready'))
    .sort((a, b) => b.createdAt - a.createdAt)
    .find((each): each is PlacedTask => each.nodeId !== undefined);
  if (task !== undefined) return task;
  throw new AppError('not-found', `service "${ref.service}" has no container yet`);
}

/** Running tasks of the services. */
export function runningTasks(view: StoreView, services: readonly Service[]): readonly PlacedTask[] {
  return services.flatMap((service) => view.tasksOfService(service.id)).filter(hasRunningContainer);
}
