import type { TaskId } from '../common/model/ids.js';
import type { Lease } from '../common/model/network.js';
import { addressLeaseId } from '../common/model/network.js';
import type { Task } from '../common/model/task.js';
import { isWanted } from '../store/slots.js';
import { isTerminal } from '../common/model/task-state.js';
import type { StoreView } from '../store/store.js';

/** Time after a node's return by which it has removed unknown containers, ms. */
export const fenceMs = 30_000;

/** Leases that a task holds but no longer needs. `task` is undefined if its record was deleted. */
export function releasableLeases(
  view: StoreView,
  id: TaskId,
  task: Task | undefined,
): readonly Lease[] {
  const held = view
    .leasesOfTask(id)
    .filter(({ holder }) => holder.kind === 'task' && holder.taskId === id);
  if (task === undefined) return held;
  if (!isTerminal(task.status.state)) return leftAddresses(held, task);
  const keepsAddress = isAdoptable(view, task);
  return held.filter((lease) => !keepsAddress || lease.id.startsWith('port/'));
}

/** Addresses on networks that a client's container was disconnected from, and has left. */
function leftAddresses(held: readonly Lease[], task: Task): readonly Lease[] {
  if (task.spec.container.origin === undefined) return [];
  const used = new Set<string>([
    ...task.attachments.map(({ networkId, address }) => addressLeaseId(networkId, address)),
  ]);
  const joined = task.status.addresses ?? [];
  return held.filter(
    ({ id }) => id.startsWith('address/') && !used.has(id) && !joined.includes(addressOf(id)),
  );
}

function addressOf(id: string): string {
  return id.slice(id.lastIndexOf('/') + 1);
}

/**
 * Whether an ended task's container may be adopted, and so keeps its address: by `start` after
 * `stop`, or by `up` if it ended by itself. Replaced tasks are never adopted.
 */
function isAdoptable(view: StoreView, task: Task): boolean {
  const { state } = task.status;
  if (state === 'rejected' || state === 'orphaned' || task.desired === 'remove') return false;
  return isWanted(task) || view.get('services', task.serviceId)?.spec.halted === true;
}

/**
 * Leases among `all` of removed nodes and tasks, and expired fences. `until`: end of the next fence,
 * ms.
 */
export function expiredLeases(
  view: StoreView,
  now: number,
  all: readonly Lease[],
): { readonly leases: readonly Lease[]; readonly until: number | undefined } {
  const leases: Lease[] = [];
  let until: number | undefined;
  for (const lease of all) {
    const end = expiryOf(view, lease);
    if (end === undefined) continue;
    if (end <= now) leases.push(lease);
    else until = Math.min(until ?? end, end);
  }
  return { leases, until };
}

function expiryOf(view: StoreView, { holder }: Lease): number | undefined {
  if (holder.kind === 'task') return view.get('tasks', holder.taskId) === undefined ? 0 : undefined;
  const node = view.get('nodes', holder.nodeId);
  if (node === undefined) return 0;
  if (holder.kind === 'gateway') return undefined;
  return node.status.state === 'ready' ? node.status.since + fenceMs : undefined;
}
