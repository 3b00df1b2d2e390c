import type { Fields } from '../../manager/common/base/decode.js';
import { isOurBridge } from '../plan/names.js';
import type { ObservedBridge } from '../plan/observed.js';
import type { WantedNetwork } from '../plan/wanted.js';
import { objectListField, requiredCount, stringField, stringListField } from './json.js';

/** Selects Shoal's bridges, with their addresses, from the records of all links. */
export function parseBridges(links: readonly Fields[]): Map<string, ObservedBridge> {
  const bridges = new Map<string, ObservedBridge>();
  for (const link of links) {
    const name = stringField(link, 'ifname');
    if (name === undefined || !isOurBridge(name)) continue;
    const addresses = objectListField(link, 'addr_info')
      .filter((address) => stringField(address, 'family') === 'inet')
      .map(
        (address) =>
          `${stringField(address, 'local') ?? ''}/${String(requiredCount(address, 'prefixlen', `ip addr: ${name}`))}`,
      );
    bridges.set(name, {
      name,
      up: stringListField(link, 'flags').includes('UP'),
      mac: stringField(link, 'address') ?? '',
      addresses,
    });
  }
  return bridges;
}

/**
 * Batch lines for `ip` that recreate a bridge as the engine makes it, after it was deleted while
 * its network exists.
 */
export function addBridgeLines(wanted: WantedNetwork): string[] {
  return [`link add name ${wanted.bridge} type bridge`, ...setBridgeLines(wanted)];
}

/** Batch lines for `ip` that set the MAC, state and gateway address of a bridge. */
export function setBridgeLines({ bridge, bridgeMac, network, prefix }: WantedNetwork): string[] {
  return [
    `link set dev ${bridge} address ${bridgeMac} up`,
    `addr replace ${network.gateway}/${String(prefix)} broadcast + dev ${bridge}`,
  ];
}
