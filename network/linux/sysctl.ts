import { readFile, writeFile } from 'node:fs/promises';

/** Limits of the kernel's neighbour table, which all containers of the host share. */
const neighbourLimits = [
  ['gc_thresh3', 65_536],
  ['gc_thresh2', 49_152],
  ['gc_thresh1', 8_192],
] as const;

/**
 * Raises the limits of the neighbour table; never lowers them. The limits are global to the host:
 * in a separate network namespace the files do not exist, and the call does nothing.
 */
export async function raiseNeighbourLimits(): Promise<void> {
  for (const [name, wanted] of neighbourLimits) {
    const file = `/proc/sys/net/ipv4/neigh/default/${name}`;
    const current = await readFile(file, 'utf8').catch(() => undefined);
    if (current === undefined || Number(current) >= wanted) continue;
    await writeFile(file, String(wanted)).catch(() => undefined);
  }
}
