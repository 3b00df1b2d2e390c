import { formatIp, tryParseIp } from '../common/address/ip.js';
import type { Ip } from '../common/address/ip.js';
import type { NetworkId, NodeId } from '../common/model/ids.js';
import { addressLeaseId } from '../common/model/network.js';
import type { Task } from '../common/model/task.js';
import type { StoreView, Transaction } from '../store/store.js';
import type { AddressCursors } from './attach.js';
import { fixedAddresses, planOf } from './attach.js';
import { nextGateway } from './ipam.js';

/** Networks of a placed task in which its node has no gateway yet. */
export function missingGateways(view: StoreView, task: Task): readonly NetworkId[] {
  const { nodeId } = task;
  if (nodeId === undefined) return [];
  return task.attachments
    .map(({ networkId }) => networkId)
    .filter((networkId) => !hasGateway(view, nodeId, networkId));
}

/**
 * Leases a gateway address to the task's node in each network of the task. `cursors` have the
 * address after the last one leased in each network.
 */
export function leaseGateways(tx: Transaction, task: Task, cursors: AddressCursors): void {
  const { nodeId } = task;
  if (nodeId === undefined) return;
  for (const networkId of missingGateways(tx, task)) {
    const network = tx.get('networks', networkId);
    if (network === undefined || network.removing) continue;
    const fixed = fixedAddresses(tx, network);
    const used = {
      has: (ip: Ip) =>
        fixed.has(ip) || tx.get('leases', addressLeaseId(networkId, formatIp(ip))) !== undefined,
    };
    const requested = tryParseIp(network.spec.gateway ?? '');
    const ip =
      requested !== undefined && !used.has(requested)
        ? requested
        : nextGateway(planOf(network), used, cursors.get(networkId));
    if (ip === undefined) continue;
    cursors.set(networkId, ip + 1);
    tx.create('leases', {
      id: addressLeaseId(networkId, formatIp(ip)),
      holder: { kind: 'gateway', nodeId, networkId },
    });
  }
}

function hasGateway(view: StoreView, nodeId: NodeId, networkId: NetworkId): boolean {
  return view.gatewayLease(nodeId, networkId) !== undefined;
}
