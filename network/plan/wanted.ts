import type {
  Endpoint,
  NetworkOnNode,
  NetworkView,
} from '../../manager/common/model/network-view.js';
import type { Cidr } from '../../manager/common/address/cidr.js';
import { contains, parseCidr } from '../../manager/common/address/cidr.js';
import { formatIp, parseIp, tryParseIp } from '../../manager/common/address/ip.js';
import { macOf } from '../../manager/common/address/mac.js';
import { bridgeOf, vxlanOf, vxlanOverheadBytes } from './names.js';

/** What is read off the machine itself before anything is planned. */
export interface NodeFacts {
  /** The address other nodes send to. */
  readonly address: string;
  /** Whether an interface of this machine carries that address; not so behind one-to-one NAT. */
  readonly addressIsLocal: boolean;
  /** MTU of the interface that leads to the other nodes. */
  readonly uplinkMtu: number;
}

/** A remote endpoint: where its frames go. Keyed by MAC. */
export interface RemoteEntry {
  readonly mac: string;
  readonly address: string;
  readonly vtep: string;
}

export interface WantedNetwork {
  readonly network: NetworkOnNode;
  readonly bridge: string;
  /** Follows from the gateway address: a bridge made again is the same neighbour to its containers. */
  readonly bridgeMac: string;
  readonly vxlan: string;
  readonly mtu: number;
  /** Length of the subnet's prefix, for the gateway address on the bridge. */
  readonly prefix: number;
  /** Source of the tunnel's packets; undefined lets the routes choose. */
  readonly local: string | undefined;
  readonly remotes: ReadonlyMap<string, RemoteEntry>;
}

export interface WantedState {
  readonly networks: readonly WantedNetwork[];
  /** Nodes that may send us frames, sorted. */
  readonly vteps: readonly string[];
}

/**
 * What this machine's kernel and engine should hold for the view. An endpoint is remote when its node is
 * another one; the local ones the bridge finds by itself. Unusable lines of the view (an address outside
 * its network) are left out: one bad entry must not stop the rest.
 */
export function wantedState(view: NetworkView, facts: NodeFacts): WantedState {
  const byNetwork = new Map<string, Endpoint[]>();
  for (const endpoint of view.endpoints) {
    if (endpoint.vtep === facts.address) continue;
    const list = byNetwork.get(endpoint.networkId);
    if (list) list.push(endpoint);
    else byNetwork.set(endpoint.networkId, [endpoint]);
  }
  const vteps = new Set<string>();
  const networks = view.networks.map((network) => {
    const subnet = parseCidr(network.subnet);
    const remotes = remotesOf(subnet, byNetwork.get(network.id) ?? []);
    for (const { vtep } of remotes.values()) vteps.add(vtep);
    return {
      network,
      bridge: bridgeOf(network.vni),
      bridgeMac: macOf(parseIp(network.gateway)),
      vxlan: vxlanOf(network.vni),
      mtu: facts.uplinkMtu - vxlanOverheadBytes,
      prefix: subnet.prefix,
      local: facts.addressIsLocal ? facts.address : undefined,
      remotes,
    };
  });
  return { networks, vteps: [...vteps].sort() };
}

function remotesOf(subnet: Cidr, endpoints: readonly Endpoint[]): Map<string, RemoteEntry> {
  const remotes = new Map<string, RemoteEntry>();
  for (const endpoint of endpoints) {
    const ip = tryParseIp(endpoint.address);
    const vtep = tryParseIp(endpoint.vtep);
    if (ip === undefined || vtep === undefined || !contains(subnet, ip)) continue;
    const mac = macPattern.test(endpoint.mac) ? endpoint.mac.toLowerCase() : macOf(ip);
    // The lease is exclusive, so a second holder can only be one that is on its way out.
    if (remotes.has(mac) && !endpoint.up) continue;
    remotes.set(mac, { mac, address: formatIp(ip), vtep: formatIp(vtep) });
  }
  return remotes;
}

const macPattern = /^[\da-f]{2}(?::[\da-f]{2}){5}$/i;
