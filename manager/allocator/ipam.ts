import type { AddressRange, Cidr } from '../common/address/cidr.js';
import {
  enclosingCidr,
  hostRange,
  overlaps,
  parseCidr,
  addressCount,
  wholeRange,
} from '../common/address/cidr.js';
import type { Ip } from '../common/address/ip.js';

/** Default address pool: subnets of networks that do not specify one. */
export const subnetPool = parseCidr('10.128.0.0/9');

/**
 * Subnet sizes in order of preference; a size is used while more than `keepFree` blocks of it are
 * free. A /16 holds 60,000 tasks; smaller sizes serve clusters with hundreds of networks.
 */
const sizes = [
  { prefix: 16, keepFree: 32 },
  { prefix: 20, keepFree: 256 },
  { prefix: 24, keepFree: 0 },
] as const;

export interface UsedRanges {
  /** Subnets in use or requested. */
  readonly subnets: readonly Cidr[];
  /** Underlay addresses of the nodes; the /16 around each is not used. */
  readonly nodes: readonly Ip[];
}

/**
 * Chooses a free subnet of the pool, after `last` or else the first; undefined if the pool is
 * exhausted.
 */
export function chooseSubnet(taken: UsedRanges, last?: Cidr): Cidr | undefined {
  const used = [...taken.subnets, ...taken.nodes.map((ip) => enclosingCidr(ip, 16))].filter(
    (block) => overlaps(block, subnetPool),
  );
  for (const { prefix, keepFree } of sizes) {
    const free = freeBlocks(subnetPool, prefix, used);
    if (free.length <= keepFree) continue;
    return free.find((block) => last === undefined || block.base > last.base) ?? free[0];
  }
  return undefined;
}

function freeBlocks(pool: Cidr, prefix: number, used: readonly Cidr[]): readonly Cidr[] {
  const size = addressCount(prefix);
  const count = addressCount(pool.prefix) / size;
  const taken = new Set<number>();
  for (const block of used) {
    const { first, last } = wholeRange(block);
    const from = Math.max(0, Math.floor((first - pool.base) / size));
    const to = Math.min(count - 1, Math.floor((last - pool.base) / size));
    for (let index = from; index <= to; index += 1) taken.add(index);
  }
  const free: Cidr[] = [];
  for (let index = 0; index < count; index += 1) {
    if (!taken.has(index)) free.push({ base: pool.base + index * size, prefix });
  }
  return free;
}

/** Ranges of a network's addresses. */
export interface AddressPlan {
  /** Range of task addresses. */
  readonly tasks: AddressRange;
  readonly hosts: AddressRange;
  /** Number of addresses at the start of `hosts` that are reserved for gateways. */
  readonly gateways: number;
}

/**
 * Divides a subnet between gateways and tasks. In an automatic subnet, the first sixteenth (at most
 * 4095 addresses) is for gateways. In a user-defined one, only the first address is: low addresses
 * are often assigned by hand there, so further gateways come from the top. `requested` is undefined
 * for an automatic subnet.
 */
export function planAddresses(
  subnet: Cidr,
  requested: { readonly range?: Cidr } | undefined,
): AddressPlan {
  const hosts = hostRange(subnet);
  const gateways =
    requested === undefined ? Math.max(1, Math.min(4096, addressCount(subnet.prefix) / 16) - 1) : 1;
  const rest = { first: hosts.first + gateways, last: hosts.last };
  if (requested?.range === undefined) return { tasks: rest, hosts, gateways };
  const range = hostRange(requested.range);
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
 * Returns the first free address of the range, from `from` up and then from the start; undefined if
 * the range is exhausted. Callers pass the address after the last allocated one, so that a released
 * address is reused as late as possible, when no neighbour table still has its last owner.
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

/**
 * Returns a free gateway address: a reserved one, from `from` up and then from the first, else from
 * the top of the subnet down.
 */
export function nextGateway(plan: AddressPlan, used: AddressUse, from?: Ip): Ip | undefined {
  const { first, last } = plan.hosts;
  const reserved = { first, last: Math.min(last, first + plan.gateways - 1) };
  const ip = nextAddress(reserved, used, from ?? first);
  if (ip !== undefined) return ip;
  for (let ip = last; ip >= first + plan.gateways; ip -= 1) if (!used.has(ip)) return ip;
  return undefined;
}
