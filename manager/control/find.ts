import { AppError } from '../common/base/errors.js';
import type { NodeId } from '../common/model/ids.js';
import type { Node } from '../common/model/node.js';
import type { Service } from '../common/model/service.js';
import type { Task } from '../common/model/task.js';
import type { TaskRef } from '../common/protocol/control.js';
import type { StoreView } from '../store/store.js';

/** One service of a project. Throws `not-found` when there is none or it is being removed. */
export function findService(view: StoreView, project: string, key: string): Service {
  const service = view
    .servicesOfProject(project)
    .find((item) => item.spec.service === key && !item.removing);
  if (service === undefined) throw new AppError('not-found', `no such service: ${key}`);
  return service;
}

/** These services of a project, all when none is named. */
export function findServices(
  view: StoreView,
  project: string,
  keys: readonly string[],
): readonly Service[] {
  if (keys.length > 0) return keys.map((key) => findService(view, project, key));
  return view.servicesOfProject(project).filter((service) => !service.removing);
}

/** By id, name or unambiguous prefix of the id. */
export function findNode(view: StoreView, reference: string): Node {
  const exact = view.get('nodes', reference as NodeId) ?? view.nodeByName(reference);
  if (exact !== undefined) return exact;
  const matches =
    reference === '' ? [] : view.list('nodes').filter((node) => node.id.startsWith(reference));
  const [first] = matches;
  if (matches.length > 1) {
    throw new AppError('invalid', `node ${reference} is ambiguous: ${matches.length} ids begin so`);
  }
  if (first === undefined) throw new AppError('not-found', `no such node: ${reference}`);
  return first;
}

export interface PlacedTask extends Task {
  readonly nodeId: NodeId;
}

function isPlaced(task: Task): task is PlacedTask {
  return task.nodeId !== undefined;
}

/** The running task a user means: the given slot, or the lowest that runs. */
export function findRunningTask(view: StoreView, ref: TaskRef): PlacedTask {
  const service = findService(view, ref.project, ref.service);
  const running = view
    .tasksOfService(service.id)
    .filter((task) => task.status.state === 'running')
    .sort((a, b) => a.slot - b.slot || b.createdAt - a.createdAt)
    .filter(isPlaced);
  const task =
    ref.index === undefined ? running[0] : running.find(({ slot }) => slot === ref.index);
  if (task !== undefined) return task;
  const which = ref.index === undefined ? '' : ` #${ref.index}`;
  throw new AppError('not-found', `service "${ref.service}" is not running container${which}`);
}

/** Running tasks of services, each with its node. */
export function runningTasks(view: StoreView, services: readonly Service[]): readonly PlacedTask[] {
  return services
    .flatMap((service) => view.tasksOfService(service.id))
    .filter((task) => task.status.state === 'running')
    .filter(isPlaced);
}
