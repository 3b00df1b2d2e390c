/** Below are those of Swarm's and other people's networks on the same machines. */
const firstVni = 4096;
/** VXLAN identifiers have 24 bits (RFC 7348). */
const lastVni = 2 ** 24 - 1;

/**
 * The next identifier after `last` that is not taken, round and round: one that was just given back is the
 * last to be used again, so that a node that missed the end of a network never meets another in its place.
 */
export function nextVni(
  taken: { readonly has: (vni: number) => boolean },
  last: number,
): number | undefined {
  const size = lastVni - firstVni + 1;
  const start = last < firstVni ? 0 : last - firstVni + 1;
  for (let step = 0; step < size; step += 1) {
    const vni = firstVni + ((start + step) % size);
    if (!taken.has(vni)) return vni;
  }
  return undefined;
}
