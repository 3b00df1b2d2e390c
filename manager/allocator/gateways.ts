import { formatIp, tryParseIp } from '../common/address/ip.js';
import type { Ip } from '../common/address/ip.js';
import type { NetworkId, NodeId } from '../common/model/ids.js';
import { addressLeaseId } from '../common/model/network.js';
import type { Task } from '../common/model/task.js';
import type { StoreView, Transaction } from '../store/store.js';
import { fixedAddresses, planOf } from './attach.js';
import { nextGateway } from './ipam.js';

/** Networks of a task that its node has no address of its own in yet. */
export function missingGateways(view: StoreView, task: Task): readonly NetworkId[] {
  const { nodeId } = task;
  if (nodeId === undefined) return [];
  return task.attachments
    .map(({ networkId }) => networkId)
    .filter((networkId) => !hasGateway(view, nodeId, networkId));
}

/** Leases the node of a placed task an address in each of its networks. */
export function leaseGateways(tx: Transaction, task: Task): void {
  const { nodeId } = task;
  if (nodeId === undefined) return;
  for (const networkId of missingGateways(tx, task)) {
    const network = tx.get('networks', networkId);
    if (network === undefined || network.removing) continue;
    const byHand = fixedAddresses(tx, network);
    const used = {
      has: (ip: Ip) =>
        byHand.has(ip) || tx.get('leases', addressLeaseId(networkId, formatIp(ip))) !== undefined,
    };
    const wish = tryParseIp(network.spec.gateway ?? '');
    const ip = wish !== undefined && !used.has(wish) ? wish : nextGateway(planOf(network), used);
    if (ip === undefined) continue;
    tx.create('leases', {
      id: addressLeaseId(networkId, formatIp(ip)),
      holder: { kind: 'gateway', nodeId, networkId },
    });
  }
}

function hasGateway(view: StoreView, nodeId: NodeId, networkId: NetworkId): boolean {
  return view
    .leasesOfNode(nodeId)
    .some(
      ({ holder }) =>
        holder.kind === 'gateway' && holder.nodeId === nodeId && holder.networkId === networkId,
    );
}
