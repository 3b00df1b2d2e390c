/** Lower VNIs are left to Swarm and other overlays on the same machines. */
const firstVni = 4096;
/** VXLAN identifiers have 24 bits (RFC 7348). */
const lastVni = 2 ** 24 - 1;

/** Returns an integer from 0 to `below` - 1; unpredictable except in simulations. */
export type RandomBelow = (below: number) => number;

/**
 * Draws a free VNI; undefined if none is free. It is random, so that nobody outside a network can
 * guess its VNI, and a node that missed the removal of a network does not mix it up with a new one.
 */
export function drawVni(
  taken: { readonly has: (vni: number) => boolean },
  randomBelow: RandomBelow,
): number | undefined {
  const size = lastVni - firstVni + 1;
  const start = randomBelow(size);
  for (let step = 0; step < size; step += 1) {
    const vni = firstVni + ((start + step) % size);
    if (!taken.has(vni)) return vni;
  }
  return undefined;
}
