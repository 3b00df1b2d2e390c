import type { Fields } from '../../manager/common/base/decode.js';
import { isOurBridge, isOurVxlan } from '../plan/names.js';
import { stringField } from './json.js';

/**
 * Selects, from the records of all links, interface → bridge for ports of Shoal's bridges, and interface → undefined for interfaces
 * without a bridge. Ports of other bridges are omitted.
 */
export function parseBridgePorts(links: readonly Fields[]): Map<string, string | undefined> {
  const ports = new Map<string, string | undefined>();
  for (const link of links) {
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
