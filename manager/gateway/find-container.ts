import { AppError } from '../common/base/errors.js';
import type { NodeId } from '../common/model/ids.js';
import type { Node } from '../common/model/node.js';
import { byNewest, isWanted } from '../store/slots.js';
import type { Task } from '../common/model/task.js';
import { isTerminal } from '../common/model/task-state.js';
import type { StoreView } from '../store/store.js';

/** A task that has a container, and where that is. */
export interface Placed {
  readonly task: Task & { readonly nodeId: NodeId };
  readonly containerId: string;
  readonly node: Node;
}

function placed(view: StoreView, task: Task): Placed | undefined {
  const { nodeId, status } = task;
  if (nodeId === undefined || status.containerId === undefined) return undefined;
  const node = view.get('nodes', nodeId);
  if (node === undefined) return undefined;
  return { task: { ...task, nodeId }, containerId: status.containerId, node };
}

/** Every container of the cluster, the newest first. One that a later task has taken over is listed once. */
export function listContainers(view: StoreView): readonly Placed[] {
  const tasks = view.list('tasks');
  const adopted = new Set(tasks.flatMap(({ adopts }) => adopts ?? []));
  return tasks
    .filter(({ id }) => !adopted.has(id))
    .sort(byNewest)
    .flatMap((task) => placed(view, task) ?? []);
}

/** Of containers with one name the one that stands for it: wanted before leaving, alive before dead. */
function byClaim(a: Placed, b: Placed): number {
  const claim = ({ task }: Placed): number =>
    (isWanted(task) ? 2 : 0) + (isTerminal(task.status.state) ? 0 : 1);
  return claim(b) - claim(a) || byNewest(a.task, b.task);
}

/**
 * By whole id, name (`name`, `/name`, `node/name`), or a prefix of the id that is one container's only, in
 * that order. Throws `not-found`, or `invalid` when a prefix fits several.
 */
export function findContainer(view: StoreView, reference: string): Placed {
  const all = listContainers(view);
  const wanted = reference.replace(/^\/+/u, '');
  const [exact] = all.filter(({ containerId }) => containerId === wanted).sort(byClaim);
  if (exact !== undefined) return exact;
  const [named] = all
    .filter(({ task, node }) =>
      [task.containerName, `${node.spec.name}/${task.containerName}`].includes(wanted),
    )
    .sort(byClaim);
  if (named !== undefined) return named;
  const matches = /^[0-9a-f]+$/u.test(wanted)
    ? all.filter(({ containerId }) => containerId.startsWith(wanted))
    : [];
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

/** Throws `conflict`, in the engine's words, for one that does not run. */
export function requireRunning({ task, containerId, node }: Placed): void {
  const isUp = node.status.state === 'ready';
  if (isUp && task.status.state === 'running') return;
  const why = isUp ? '' : `: node ${node.spec.name} is ${node.status.state}`;
  throw new AppError('conflict', `Container ${containerId} is not running${why}`);
}
