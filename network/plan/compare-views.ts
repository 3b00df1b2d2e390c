import type { NetworkId } from '../../manager/common/model/ids.js';
import type {
  Endpoint,
  NetworkOnNode,
  NetworkView,
} from '../../manager/common/model/network-view.js';

/** True if two views need the same kernel state: names and health only matter to the DNS server. */
export function needSameKernelState(a: NetworkView, b: NetworkView): boolean {
  if (a.networks.length !== b.networks.length || a.endpoints.length !== b.endpoints.length) {
    return false;
  }
  return (
    a.networks.every((network, at) => sameNetwork(network, b.networks[at])) &&
    a.endpoints.every((endpoint, at) => samePlace(endpoint, b.endpoints[at]))
  );
}

/** Ids of the networks of `before` that are missing or different in `after`. */
export function changedNetworks(before: NetworkView, after: NetworkView): readonly NetworkId[] {
  const kept = new Map(after.networks.map((network) => [network.id, network]));
  return before.networks
    .filter((network) => !sameNetwork(network, kept.get(network.id)))
    .map(({ id }) => id);
}

function sameNetwork(a: NetworkOnNode, b: NetworkOnNode | undefined): boolean {
  return (
    a.id === b?.id &&
    a.name === b.name &&
    a.vni === b.vni &&
    a.subnet === b.subnet &&
    a.gateway === b.gateway &&
    a.internal === b.internal
  );
}

function samePlace(a: Endpoint, b: Endpoint | undefined): boolean {
  return (
    a.networkId === b?.networkId &&
    a.nodeId === b.nodeId &&
    a.vtep === b.vtep &&
    a.address === b.address &&
    a.mac === b.mac
  );
}
