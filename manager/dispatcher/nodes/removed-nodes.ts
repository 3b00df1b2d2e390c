import type { NodeId } from '../../common/model/ids.js';
import { withStuckNode } from '../../common/model/network.js';
import type { StoreView, Transaction } from '../../store/store.js';
import { isAssigned } from '../../common/model/task-state.js';

/**
 * Cleans up after a node that was removed from the cluster: marks its tasks `orphaned`, releases
 * its leases and removes it from volumes and networks. Safe because its certificate is revoked: it
 * cannot rejoin.
 */
export function cleanUpRemovedNode(tx: Transaction, nodeId: NodeId): void {
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
  for (const network of tx.list('networks')) {
    const next = withStuckNode(network, nodeId, undefined);
    if (next !== network) tx.put('networks', next);
  }
}

/**
 * Ids of nodes that tasks refer to but that have no record: removed just before the manager
 * stopped.
 */
export function findRemovedNodes(view: StoreView): ReadonlySet<NodeId> {
  const departed = new Set<NodeId>();
  for (const { nodeId } of view.list('tasks')) {
    if (nodeId !== undefined && view.get('nodes', nodeId) === undefined) departed.add(nodeId);
  }
  return departed;
}
