import { isOurVxlan } from '../plan/names.js';
import type { ObservedFdb } from '../plan/observed.js';
import type { RemoteEntry } from '../plan/wanted.js';
import { parseRecords, stringField, stringListField } from './json.js';

/** Lists forwarding entries of all devices: one dump is cheaper than one per device. */
export const listFdb = ['bridge', '-j', 'fdb', 'show'] as const;

interface MutableFdb {
  readonly tunnel: Map<string, string[]>;
  readonly bridge: Set<string>;
}

/**
 * Parses the static entries of Shoal's VXLAN devices; learned entries and the devices' own
 * addresses are excluded.
 */
export function parseFdb(text: string): Map<string, ObservedFdb> {
  const devices = new Map<string, MutableFdb>();
  for (const entry of parseRecords(text, listFdb.join(' '))) {
    const device = stringField(entry, 'ifname');
    const mac = stringField(entry, 'mac');
    if (device === undefined || mac === undefined || !isOurVxlan(device)) continue;
    let fdb = devices.get(device);
    if (fdb === undefined) devices.set(device, (fdb = { tunnel: new Map(), bridge: new Set() }));
    const dst = stringField(entry, 'dst');
    if (dst !== undefined && stringListField(entry, 'flags').includes('self')) {
      const vteps = fdb.tunnel.get(mac);
      if (vteps) vteps.push(dst);
      else fdb.tunnel.set(mac, [dst]);
    } else if (stringField(entry, 'state') === 'static') fdb.bridge.add(mac);
  }
  return devices;
}

/** Batch line for `bridge`: the bridge forwards the MAC to the device, the device to the VTEP. */
export function putFdbLine(device: string, { mac, vtep }: RemoteEntry): string {
  return `fdb replace ${mac} dev ${device} dst ${vtep} self master static`;
}

/** Batch lines for `bridge`. The two entries are removed separately, as one may be missing. */
export function removeFdbLines(
  device: string,
  mac: string,
  vtep: string | undefined,
  fromBridge: boolean,
): string[] {
  return [
    ...(fromBridge ? [`fdb del ${mac} dev ${device} master`] : []),
    ...(vtep === undefined ? [] : [`fdb del ${mac} dev ${device} dst ${vtep} self`]),
  ];
}
