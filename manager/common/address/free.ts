import type { AddressRange, Cidr } from './cidr.js';
import { enclosingCidr, hostRange, overlaps, addressCount, wholeRange } from './cidr.js';
import type { Ip } from './ip.js';

/** Membership test for addresses in use: a Set, or any lookup of the same cost. */
export interface TakenAddresses {
  has(ip: Ip): boolean;
}

/**
 * Returns the first free host address of the block, searching upwards from `from` and wrapping
 * around to the start. A caller that allocates many addresses passes the last result + 1 as `from`:
 * each allocation then costs one step, and a freed address is reused last, so that stale caches
 * expire first. Undefined when the block is exhausted.
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
 * Returns the first block of length `prefix` in `pool` that overlaps no block of `taken`. The
 * search jumps over each taken block, so its cost grows with the number of blocks, not addresses.
 * Undefined when the pool is exhausted.
 */
export function nextFreeBlock(
  pool: Cidr,
  prefix: number,
  taken: readonly Cidr[],
): Cidr | undefined {
  if (prefix < pool.prefix) return undefined;
  const { last } = wholeRange(pool);
  const size = addressCount(prefix);
  const obstacles = taken.filter((block) => overlaps(block, pool)).sort((a, b) => a.base - b.base);
  let base = pool.base;
  for (const obstacle of obstacles) {
    const candidate = enclosingCidr(base, prefix);
    if (obstacle.base >= base + size) return candidate;
    const after = obstacle.base + addressCount(obstacle.prefix);
    // Blocks are aligned: the next candidate starts at the first multiple of its size past the obstacle.
    if (after > base) base = Math.ceil(after / size) * size;
  }
  return base + size - 1 <= last ? enclosingCidr(base, prefix) : undefined;
}
