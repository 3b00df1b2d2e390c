import type { NodeId } from '../common/model/ids.js';
import type { StoreView, Transaction } from '../store/store.js';
import { isAssigned } from '../common/model/task-state.js';

/**
 * After a node was removed from the cluster: nobody will ever report on its tasks again, and what was
 * leased to it is free. Its certificate is refused, so it cannot come back with them.
 */
export function clearDepartedNode(tx: Transaction, nodeId: NodeId): void {
  if (tx.get('nodes', nodeId) !== undefined) return;
  for (const task of tx.tasksOfNode(nodeId)) {
    if (!isAssigned(task.status.state)) continue;
    const message = 'its node was removed from the cluster';
    tx.put('tasks', {
      ...task,
      status: { ...task.status, state: 'orphaned', at: tx.now, message },
    });
  }
  for (const { id, holder } of tx.leasesOfNode(nodeId)) {
    if (holder.kind !== 'task' && holder.nodeId === nodeId) tx.remove('leases', id);
  }
  for (const volume of tx.list('volumes')) {
    if (!volume.nodeIds.includes(nodeId)) continue;
    tx.put('volumes', { ...volume, nodeIds: volume.nodeIds.filter((id) => id !== nodeId) });
  }
}

/** Nodes that tasks name and that are no more: they were removed just before the manager stopped. */
export function departedNodes(view: StoreView): ReadonlySet<NodeId> {
  const departed = new Set<NodeId>();
  for (const { nodeId } of view.list('tasks')) {
    if (nodeId !== undefined && view.get('nodes', nodeId) === undefined) departed.add(nodeId);
  }
  return departed;
}
