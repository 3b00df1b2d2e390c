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

/** Facts about the machine that the plan depends on. */
export interface Uplink {
  /** The address that other nodes use to reach this node. */
  readonly address: string;
  /** True if a local interface has the address; false behind one-to-one NAT. */
  readonly addressIsLocal: boolean;
  /** MTU of the interface that leads to the other nodes, in bytes. */
  readonly uplinkMtu: number;
}

/** Forwarding entry of a remote endpoint. Keyed by MAC. */
export interface RemoteEntry {
  readonly mac: string;
  readonly address: string;
  readonly vtep: string;
}

export interface WantedNetwork {
  readonly network: NetworkOnNode;
  readonly bridge: string;
  /** Derived from the gateway address: containers see a recreated bridge as the same neighbour. */
  readonly bridgeMac: string;
  readonly vxlan: string;
  readonly mtu: number;
  /** Prefix length of the subnet, for the gateway address on the bridge. */
  readonly prefix: number;
  /** Source address of tunnel packets; undefined to let the routes choose. */
  readonly local: string | undefined;
  readonly remotes: ReadonlyMap<string, RemoteEntry>;
}

export interface WantedState {
  readonly networks: readonly WantedNetwork[];
}

/**
 * Derives the wanted kernel and engine state of this machine from the view. Endpoints with another
 * VTEP than this node's address are remote; the bridge learns local ones. Invalid endpoints (an
 * address outside its network) are skipped, so that one bad entry does not block the rest.
 */
export function wantedState(view: NetworkView, facts: Uplink): WantedState {
  const byNetwork = new Map<string, Endpoint[]>();
  for (const endpoint of view.endpoints) {
    if (endpoint.vtep === facts.address) continue;
    const list = byNetwork.get(endpoint.networkId);
    if (list) list.push(endpoint);
    else byNetwork.set(endpoint.networkId, [endpoint]);
  }
  const networks = view.networks.map((network) => {
    const subnet = parseCidr(network.subnet);
    const remotes = remotesOf(subnet, byNetwork.get(network.id) ?? []);
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
  return { networks };
}

function remotesOf(subnet: Cidr, endpoints: readonly Endpoint[]): Map<string, RemoteEntry> {
  const remotes = new Map<string, RemoteEntry>();
  for (const endpoint of endpoints) {
    const ip = tryParseIp(endpoint.address);
    const vtep = tryParseIp(endpoint.vtep);
    if (ip === undefined || vtep === undefined || !contains(subnet, ip)) continue;
    const mac = macPattern.test(endpoint.mac) ? endpoint.mac.toLowerCase() : macOf(ip);
    // Leases are exclusive, so a second holder that is not up is about to be removed.
    if (remotes.has(mac) && !endpoint.up) continue;
    remotes.set(mac, { mac, address: formatIp(ip), vtep: formatIp(vtep) });
  }
  return remotes;
}

const macPattern = /^[\da-f]{2}(?::[\da-f]{2}){5}$/i;
