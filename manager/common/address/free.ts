import type { AddressRange, Cidr } from './cidr.js';
import { cidrAround, hostRange, overlaps, sizeOf, wholeRange } from './cidr.js';
import type { Ip } from './ip.js';

/** What is in use: a Set of addresses, or anything that can tell as fast. */
export interface TakenAddresses {
  has(ip: Ip): boolean;
}

/**
 * The first host address of the block that is not taken, looked for from `from` upwards and then from the
 * start. A caller that allocates many passes the last answer + 1 as `from`: that costs one step per
 * address, and an address just freed is the last to be used again, so that stale caches age out.
 * Undefined when all are taken.
 */
export function nextFree(cidr: Cidr, taken: TakenAddresses, from?: Ip): Ip | undefined {
  const hosts = hostRange(cidr);
  const start = from === undefined || from < hosts.first || from > hosts.last ? hosts.first : from;
  return (
    firstFree({ first: start, last: hosts.last }, taken) ??
    firstFree({ first: hosts.first, last: start - 1 }, taken)
  );
}

function firstFree(range: AddressRange, taken: TakenAddresses): Ip | undefined {
  for (let ip = range.first; ip <= range.last; ip += 1) if (!taken.has(ip)) return ip;
  return undefined;
}

/**
 * The first block of `prefix` inside `pool` that overlaps none of `taken`. Jumps over each obstacle, so
 * the cost is taken blocks, not addresses. Undefined when none is left.
 */
export function nextFreeBlock(
  pool: Cidr,
  prefix: number,
  taken: readonly Cidr[],
): Cidr | undefined {
  if (prefix < pool.prefix) return undefined;
  const { last } = wholeRange(pool);
  const size = sizeOf(prefix);
  const obstacles = taken.filter((block) => overlaps(block, pool)).sort((a, b) => a.base - b.base);
  let base = pool.base;
  for (const obstacle of obstacles) {
    const candidate = cidrAround(base, prefix);
    if (obstacle.base >= base + size) return candidate;
    const after = obstacle.base + sizeOf(obstacle.prefix);
    // Blocks are aligned: the next candidate starts at the first multiple of its size past the obstacle.
    if (after > base) base = Math.ceil(after / size) * size;
  }
  return base + size - 1 <= last ? cidrAround(base, prefix) : undefined;
}
