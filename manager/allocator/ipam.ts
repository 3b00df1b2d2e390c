import type { AddressRange, Cidr } from '../common/address/cidr.js';
import {
  cidrAround,
  hostRange,
  overlaps,
  parseCidr,
  sizeOf,
  wholeRange,
} from '../common/address/cidr.js';
import type { Ip } from '../common/address/ip.js';

/** Where networks without a wish of their own get their subnet from. */
export const subnetPool = parseCidr('10.128.0.0/9');

/**
 * Sizes of subnets, each as long as more than so many blocks of it are free: large ones while there is
 * plenty (a /16 holds 60,000 tasks), smaller ones for a cluster with hundreds of networks.
 */
const sizes = [
  { prefix: 16, keepFree: 32 },
  { prefix: 20, keepFree: 256 },
  { prefix: 24, keepFree: 0 },
] as const;

export interface Taken {
  /** Subnets in use or asked for. */
  readonly subnets: readonly Cidr[];
  /** Addresses of the nodes: the subnets around them are the underlay's. */
  readonly nodes: readonly Ip[];
}

/** A free subnet of the pool, looked for after `last` and then from the start; undefined: all are taken. */
export function chooseSubnet(taken: Taken, last?: Cidr): Cidr | undefined {
  const used = [...taken.subnets, ...taken.nodes.map((ip) => cidrAround(ip, 16))].filter((block) =>
    overlaps(block, subnetPool),
  );
  for (const { prefix, keepFree } of sizes) {
    const free = freeBlocks(subnetPool, prefix, used);
    if (free.length <= keepFree) continue;
    return free.find((block) => last === undefined || block.base > last.base) ?? free[0];
  }
  return undefined;
}

function freeBlocks(pool: Cidr, prefix: number, used: readonly Cidr[]): readonly Cidr[] {
  const size = sizeOf(prefix);
  const count = sizeOf(pool.prefix) / size;
  const taken = new Set<number>();
  for (const block of used) {
    const { first, last } = wholeRange(block);
    const from = Math.max(0, Math.floor((first - pool.base) / size));
    const to = Math.min(count - 1, Math.floor((last - pool.base) / size));
    for (let at = from; at <= to; at += 1) taken.add(at);
  }
  const free: Cidr[] = [];
  for (let at = 0; at < count; at += 1) {
    if (!taken.has(at)) free.push({ base: pool.base + at * size, prefix });
  }
  return free;
}

/** How a network's addresses are shared out. */
export interface AddressPlan {
  /** Addresses of tasks come from here. */
  readonly tasks: AddressRange;
  readonly hosts: AddressRange;
  /** Addresses from the first on that are kept for the nodes' gateways. */
  readonly gateways: number;
}

/**
 * In a subnet of ours the first sixteenth (at most 4095) is for gateways. In one that the user chose only
 * the first is: low addresses there are often given out by hand, so further gateways come from the top.
 */
export function planAddresses(
  subnet: Cidr,
  wish: { readonly range?: Cidr } | undefined,
): AddressPlan {
  const hosts = hostRange(subnet);
  const gateways =
    wish === undefined ? Math.max(1, Math.min(4096, sizeOf(subnet.prefix) / 16) - 1) : 1;
  const rest = { first: hosts.first + gateways, last: hosts.last };
  if (wish?.range === undefined) return { tasks: rest, hosts, gateways };
  const range = hostRange(wish.range);
  const tasks = {
    first: Math.max(rest.first, range.first),
    last: Math.min(rest.last, range.last),
  };
  return { tasks, hosts, gateways };
}

export interface AddressUse {
  readonly has: (ip: Ip) => boolean;
}

/**
 * The first address of the range that is free, from `from` up and then round. A caller passes the address
 * after the last one it gave out: what was given back is used again as late as possible, when no neighbour
 * remembers its last owner.
 */
export function nextAddress(range: AddressRange, used: AddressUse, from: Ip): Ip | undefined {
  const size = range.last - range.first + 1;
  const start = from < range.first || from > range.last ? 0 : from - range.first;
  for (let step = 0; step < size; step += 1) {
    const ip = range.first + ((start + step) % size);
    if (!used.has(ip)) return ip;
  }
  return undefined;
}

/** A node's own address in a network: the kept ones from the first up, then from the last down. */
export function nextGateway(plan: AddressPlan, used: AddressUse): Ip | undefined {
  const { first, last } = plan.hosts;
  for (let ip = first; ip < first + plan.gateways && ip <= last; ip += 1)
    if (!used.has(ip)) return ip;
  for (let ip = last; ip >= first + plan.gateways; ip -= 1) if (!used.has(ip)) return ip;
  return undefined;
}
