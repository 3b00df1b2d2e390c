/** Lower VNIs are left to Swarm and other overlays on the same machines. */
const firstVni = 4096;
/** VXLAN identifiers have 24 bits (RFC 7348). */
const lastVni = 2 ** 24 - 1;

/**
 * Returns the next free VNI after `last`, wrapping around; undefined if none is free. A released
 * VNI is reused last, so that a node that missed the removal of a network does not mix it up with a
 * new one.
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
