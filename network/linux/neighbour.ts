import { isOurVxlan } from '../plan/names.js';
import type { RemoteEntry } from '../plan/wanted.js';
import { parseRecords, stringField } from './json.js';

/** Lists permanent neighbour entries of all devices. */
export const listNeighbours = ['ip', '-4', '-j', 'neigh', 'show', 'nud', 'permanent'] as const;

/** Parses address → MAC for each Shoal VXLAN device. */
export function parseNeighbours(text: string): Map<string, Map<string, string>> {
  const devices = new Map<string, Map<string, string>>();
  for (const entry of parseRecords(text, listNeighbours.join(' '))) {
    const device = stringField(entry, 'dev');
    const address = stringField(entry, 'dst');
    if (device === undefined || address === undefined || !isOurVxlan(device)) continue;
    const neighbours = devices.get(device) ?? new Map<string, string>();
    neighbours.set(address, stringField(entry, 'lladdr') ?? '');
    devices.set(device, neighbours);
  }
  return devices;
}

/** Batch line for `ip`. */
export function putNeighbourLine(device: string, { address, mac }: RemoteEntry): string {
  return `neigh replace ${address} lladdr ${mac} dev ${device} nud permanent`;
}

/** Batch line for `ip`. */
export function removeNeighbourLine(device: string, address: string): string {
  return `neigh del ${address} dev ${device}`;
}
