import { isOurBridge, isOurVxlan } from '../plan/names.js';
import { parseRecords, stringField } from './json.js';

/** Lists all interfaces with their bridge; `ip -j link show` without details is cheap. */
export const listLinks = ['ip', '-j', 'link', 'show'] as const;

/**
 * Parses interface → bridge for ports of Shoal's bridges, and interface → undefined for interfaces
 * without a bridge. Ports of other bridges are omitted.
 */
export function parseBridgePorts(text: string): Map<string, string | undefined> {
  const ports = new Map<string, string | undefined>();
  for (const link of parseRecords(text, listLinks.join(' '))) {
    const name = stringField(link, 'ifname');
    const master = stringField(link, 'master');
    if (name === undefined || isOurBridge(name)) continue;
    if (master === undefined || isOurBridge(master)) ports.set(name, master);
  }
  return ports;
}

/** Batch line for `ip`; throws for devices that Shoal does not own. */
export function removeLinkLine(name: string): string {
  if (!isOurBridge(name) && !isOurVxlan(name)) throw new Error(`${name} is not a Shoal device`);
  return `link del dev ${name}`;
}

export function attachPortLine(port: string, bridge: string): string {
  return `link set dev ${port} master ${bridge} up`;
}
