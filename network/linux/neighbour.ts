import type { Fields } from '../../manager/common/base/decode.js';
import { isOurVxlan } from '../plan/names.js';
import type { RemoteEntry } from '../plan/wanted.js';
import { stringField } from './json.js';

/** Groups permanent neighbour entries by Shoal's VXLAN devices: address → MAC. */
export function parseNeighbours(entries: readonly Fields[]): Map<string, Map<string, string>> {
  const devices = new Map<string, Map<string, string>>();
  for (const entry of entries) {
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
