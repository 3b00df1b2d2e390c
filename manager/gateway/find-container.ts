import { AppError } from '../common/base/errors.js';
import { containerState } from '../common/model/container-state.js';
import type { NodeId, ServiceId } from '../common/model/ids.js';
import type { Node } from '../common/model/node.js';
import { byNewest, isWanted } from '../store/slots.js';
import type { Task } from '../common/model/task.js';
import { isTerminal } from '../common/model/task-state.js';
import type { StoreView } from '../store/store.js';
import { shortContainerId, shortIdLength } from '../store/container-id.js';

/** A task with a container and the node it is on. */
export interface PlacedContainer {
  readonly task: Task & { readonly nodeId: NodeId };
  readonly containerId: string;
  readonly node: Node;
}

/** The task with its container; undefined if it has none. */
export function placedContainer(view: StoreView, task: Task): PlacedContainer | undefined {
  const { nodeId, status } = task;
  const containerId = status.containerId ?? adoptedContainer(view, task);
  if (nodeId === undefined || containerId === undefined) return undefined;
  const node = view.get('nodes', nodeId);
  if (node === undefined) return undefined;
  return { task: { ...task, nodeId, status: { ...status, containerId } }, containerId, node };
}

/** The container that a task is about to take over from an ended one. */
function adoptedContainer(view: StoreView, { adopts, status }: Task): string | undefined {
  if (adopts === undefined || isTerminal(status.state)) return undefined;
  return view.get('tasks', adopts)?.status.containerId;
}

/**
 * All containers of the cluster, newest first. A container adopted by a later task is listed once.
 */
export function listContainers(view: StoreView): readonly PlacedContainer[] {
  const tasks = view.list('tasks');
  const adopted = new Set(tasks.flatMap(({ adopts }) => adopts ?? []));
  return tasks
    .filter(({ id }) => !adopted.has(id))
    .sort(byNewest)
    .flatMap((task) => placedContainer(view, task) ?? []);
}

/** The containers of some tasks; one that a later task has adopted is that task's. */
function containersOf(view: StoreView, tasks: readonly Task[]): readonly PlacedContainer[] {
  const services = new Set(tasks.map(({ serviceId }) => serviceId));
  const adopters = new Map<Task['id'], Task>();
  for (const id of services) {
    for (const task of view.tasksOfService(id)) {
      if (task.adopts !== undefined) adopters.set(task.adopts, task);
    }
  }
  const holder = (task: Task): Task => {
    const next = adopters.get(task.id);
    return next === undefined ? task : holder(next);
  };
  return [...new Set(tasks.map(holder))].flatMap((task) => placedContainer(view, task) ?? []);
}

/** The container with that full id; undefined if there is none. */
export function containerById(view: StoreView, id: string): PlacedContainer | undefined {
  const [found] = containersOf(view, view.tasksOfContainer(id))
    .filter(({ containerId }) => containerId === id)
    .sort(byPrecedence);
  return found;
}

function containerByName(view: StoreView, reference: string): PlacedContainer | undefined {
  const parts = reference.split('/');
  const [nodeName] = parts.length === 2 ? parts : [];
  const name = parts.length > 2 ? reference : (parts.at(-1) ?? '');
  const [found] = containersOf(view, view.tasksOfContainerName(name))
    .filter(({ node }) => nodeName === undefined || node.spec.name === nodeName)
    .sort(byPrecedence);
  return found;
}

/** Containers whose id has the prefix; the store's indexes find them. */
function containersByPrefix(view: StoreView, prefix: string): readonly PlacedContainer[] {
  if (!/^[0-9a-f]+$/u.test(prefix)) return [];
  const isLong = shortContainerId(prefix).length === shortIdLength;
  const tasks = isLong ? view.tasksOfContainer(prefix) : view.tasksOfContainerPrefix(prefix);
  return containersOf(view, tasks).filter(({ containerId }) => containerId.startsWith(prefix));
}

/** The newest task of a client's container, which gets a new one at each start. */
export function newestTask(view: StoreView, id: ServiceId): Task | undefined {
  return [...view.tasksOfService(id)].sort(byNewest)[0];
}

/**
 * Orders containers with the same name: wanted before unwanted, live before ended, then newest
 * first.
 */
function byPrecedence(a: PlacedContainer, b: PlacedContainer): number {
  const precedence = ({ task }: PlacedContainer): number =>
    (isWanted(task) ? 2 : 0) + (isTerminal(task.status.state) ? 0 : 1);
  return precedence(b) - precedence(a) || byNewest(a.task, b.task);
}

/**
 * Finds a container by full ID, then name (`name`, `/name`, `node/name`), then unambiguous ID
 * prefix. Throws `not-found`, or `invalid` for an ambiguous prefix.
 */
export function findContainer(view: StoreView, reference: string): PlacedContainer {
  const wanted = reference.replace(/^\/+/u, '');
  const exact = containerById(view, wanted) ?? containerByName(view, wanted);
  if (exact !== undefined) return exact;
  const matches = containersByPrefix(view, wanted);
  const [first] = matches;
  if (matches.length > 1) {
    throw new AppError(
      'invalid',
      `container ${reference} is ambiguous (${matches.length} matches found)`,
    );
  }
  if (first === undefined) throw new AppError('not-found', `No such container: ${reference}`);
  return first;
}

/**
 * Throws `conflict` with the Docker Engine's message if no process can be started in the container
 * or attached to: it is not running, restarting or paused.
 */
export function requireActive(item: PlacedContainer, verb: 'exec' | 'attach'): void {
  requireRunning(item);
  const { task, containerId } = item;
  const state = containerState(task);
  if (state === 'paused') {
    const subject = verb === 'exec' ? 'Container' : 'container';
    throw new AppError(
      'conflict',
      `${subject} ${containerId} is paused, unpause the container before ${verb}`,
    );
  }
  if (state === 'restarting') {
    throw new AppError(
      'conflict',
      `Container ${containerId} is restarting, wait until the container is running`,
    );
  }
}

/** Throws `conflict` with the Docker Engine's message if the container is not running. */
export function requireRunning({ task, containerId, node }: PlacedContainer): void {
  const isUp = node.status.state === 'ready';
  if (isUp && task.status.state === 'running') return;
  const why = isUp ? '' : `: node ${node.spec.name} is ${node.status.state}`;
  throw new AppError('conflict', `Container ${containerId} is not running${why}`);
}
