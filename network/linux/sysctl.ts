import { readFile, writeFile } from 'node:fs/promises';

/** How many neighbours the kernel keeps: for all containers of the machine together. */
const neighbourLimits = [
  ['gc_thresh3', 65_536],
  ['gc_thresh2', 49_152],
  ['gc_thresh1', 8_192],
] as const;

/**
 * Raises the limits of the neighbour table, never lowers them. They belong to the machine: inside a
 * network namespace of its own the files do not exist, which is fine.
 */
export async function raiseNeighbourLimits(): Promise<void> {
  for (const [name, wanted] of neighbourLimits) {
    const file = `/proc/sys/net/ipv4/neigh/default/${name}`;
    const current = await readFile(file, 'utf8').catch(() => undefined);
    if (current === undefined || Number(current) >= wanted) continue;
    await writeFile(file, String(wanted)).catch(() => undefined);
  }
}
