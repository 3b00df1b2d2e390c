import type { Cidr } from '../common/address/cidr.js';
import { covers, formatCidr, overlaps, parseCidr } from '../common/address/cidr.js';
import type { Ip } from '../common/address/ip.js';
import { tryParseIp } from '../common/address/ip.js';
import type { Network } from '../common/model/network.js';
import type { StoreView, Transaction } from '../store/store.js';
import { chooseSubnet } from './ipam.js';
import type { RandomBelow } from './vni.js';
import { drawVni } from './vni.js';

/** Last allocated subnet, so that released ones are reused late; in memory only. */
export interface NetworkCursor {
  subnet: Cidr | undefined;
}

export function isAllocated(network: Network): boolean {
  return network.vni !== 0 && network.subnet !== '';
}

/**
 * Allocates a VNI and subnet to each network without them; skips networks that cannot have them.
 */
export function allocateNetworks(
  tx: Transaction,
  cursor: NetworkCursor,
  randomBelow: RandomBelow,
): void {
  for (const network of tx.list('networks')) {
    if (network.removing || isAllocated(network)) continue;
    if (networkProblem(tx, network) !== undefined) continue;
    const others = tx.list('networks').filter((other) => other.id !== network.id);
    const subnet = subnetFor(tx, network, cursor);
    const taken = new Set(others.map((other) => other.vni));
    const vni = drawVni(taken, randomBelow);
    if (vni === undefined || subnet === undefined) continue;
    if (network.spec.subnet === undefined) cursor.subnet = subnet;
    tx.put('networks', { ...network, vni, subnet: formatCidr(subnet) });
  }
}

/** Cursor after a restart: the highest subnet in use. */
export function initialCursor(view: StoreView): NetworkCursor {
  const networks = view.list('networks');
  const chosen = networks.filter((network) => isAllocated(network) && !network.spec.subnet);
  const subnets = chosen.map((network) => parseCidr(network.subnet));
  return { subnet: subnets.sort((a, b) => b.base - a.base)[0] };
}

function subnetFor(view: StoreView, network: Network, cursor: NetworkCursor): Cidr | undefined {
  if (network.spec.subnet !== undefined) return parseCidr(network.spec.subnet);
  return chooseSubnet(
    { subnets: otherSubnets(view, network), nodes: nodeAddresses(view) },
    cursor.subnet,
  );
}

/**
 * Why a network cannot be allocated: invalid or conflicting request, or exhausted pool; else
 * undefined.
 */
export function networkProblem(view: StoreView, network: Network): string | undefined {
  const { name, subnet: requested, ipRange } = network.spec;
  if (isAllocated(network)) return undefined;
  if (requested === undefined) {
    const free = chooseSubnet({
      subnets: otherSubnets(view, network),
      nodes: nodeAddresses(view),
    });
    return free === undefined
      ? `network ${name}: the default address pool is exhausted`
      : undefined;
  }
  const subnet = tryParse(requested);
  if (subnet === undefined) return `network ${name}: "${requested}" is not an IPv4 subnet`;
  const range = ipRange === undefined ? undefined : tryParse(ipRange);
  if (ipRange !== undefined && (range === undefined || !covers(subnet, range))) {
    return `network ${name}: ip range ${ipRange} is not inside subnet ${requested}`;
  }
  const outside = [network.spec.gateway ?? [], network.spec.reserved ?? []]
    .flat()
    .find((address) => {
      const ip = tryParseIp(address);
      return ip === undefined || !covers(subnet, { base: ip, prefix: 32 });
    });
  if (outside !== undefined)
    return `network ${name}: address ${outside} is not inside subnet ${requested}`;
  const other = view
    .list('networks')
    .find(
      (each) =>
        each.id !== network.id && isAllocated(each) && overlaps(parseCidr(each.subnet), subnet),
    );
  if (other !== undefined) {
    return `network ${name}: subnet ${requested} overlaps ${other.subnet} of network ${other.spec.name}`;
  }
  const node = view
    .list('nodes')
    .find((each) => covers(subnet, { base: addressOf(each.description.address) ?? 0, prefix: 32 }));
  if (node === undefined) return undefined;
  return `network ${name}: subnet ${requested} contains the address of node ${node.spec.name}`;
}

/** Subnets of other networks, in use or requested. */
function otherSubnets(view: StoreView, network: Network): readonly Cidr[] {
  return view
    .list('networks')
    .filter((other) => other.id !== network.id)
    .flatMap((other) => [tryParse(other.subnet), tryParse(other.spec.subnet ?? '')])
    .filter((subnet) => subnet !== undefined);
}

function nodeAddresses(view: StoreView): readonly Ip[] {
  return view
    .list('nodes')
    .map((node) => addressOf(node.description.address))
    .filter((ip) => ip !== undefined);
}

function addressOf(text: string): Ip | undefined {
  return tryParseIp(text);
}

function tryParse(text: string): Cidr | undefined {
  try {
    return parseCidr(text);
  } catch {
    return undefined;
  }
}
