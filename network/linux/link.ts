import { isOurBridge, isOurVxlan } from '../plan/names.js';
import { parseRecords, textOf } from './json.js';

/** Lists every interface with its bridge; `ip -j link show` without details is cheap. */
export const listLinks = ['ip', '-j', 'link', 'show'] as const;

/** Interfaces on a bridge of ours, and those on none. Those on bridges of others are left out. */
export function parsePorts(text: string): Map<string, string | undefined> {
  const ports = new Map<string, string | undefined>();
  for (const link of parseRecords(text, listLinks.join(' '))) {
    const name = textOf(link, 'ifname');
    const master = textOf(link, 'master');
    if (name === undefined || isOurBridge(name)) continue;
    if (master === undefined || isOurBridge(master)) ports.set(name, master);
  }
  return ports;
}

/** Batch line for `ip`; only for devices of ours. */
export function removeLinkLine(name: string): string {
  if (!isOurBridge(name) && !isOurVxlan(name)) throw new Error(`${name} is not a device of ours`);
  return `link del dev ${name}`;
}

export function attachPortLine(port: string, bridge: string): string {
  return `link set dev ${port} master ${bridge} up`;
}
