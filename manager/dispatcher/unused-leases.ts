import type { NetworkId, NodeId } from '../common/model/ids.js';
import type { LeaseId } from '../common/model/ids.js';
import { isTerminal } from '../common/model/task-state.js';
import type { StoreView } from '../store/store.js';

/**
 * Unused gateway leases of a node: the network is not in `present`, the networks that the node
 * reports, and none of its tasks is attached to it, except removed tasks that have ended.
 */
export function unusedGatewayLeases(
  view: StoreView,
  nodeId: NodeId,
  present: readonly NetworkId[],
): readonly LeaseId[] {
  const needed = new Set<NetworkId>(present);
  for (const task of view.tasksOfNode(nodeId)) {
    if (task.desired === 'remove' && isTerminal(task.status.state)) continue;
    for (const { networkId } of task.attachments) needed.add(networkId);
  }
  return view
    .leasesOfNode(nodeId)
    .filter(
      ({ holder }) =>
        holder.kind === 'gateway' && holder.nodeId === nodeId && !needed.has(holder.networkId),
    )
    .map((lease) => lease.id);
}

/** Leases kept because this node was down when their task was removed. */
export function fencedLeases(view: StoreView, nodeId: NodeId): readonly LeaseId[] {
  return view
    .leasesOfNode(nodeId)
    .filter(({ holder }) => holder.kind === 'fenced' && holder.nodeId === nodeId)
    .map((lease) => lease.id);
}
