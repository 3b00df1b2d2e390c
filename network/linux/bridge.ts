import { isOurBridge } from '../plan/names.js';
import type { SeenBridge } from '../plan/seen.js';
import type { WantedNetwork } from '../plan/wanted.js';
import { listOf, numberOf, parseRecords, textOf, textsOf } from './json.js';

/** Lists bridges with their addresses. */
export const listBridges = ['ip', '-j', 'addr', 'show', 'type', 'bridge'] as const;

export function parseBridges(text: string): Map<string, SeenBridge> {
  const bridges = new Map<string, SeenBridge>();
  for (const link of parseRecords(text, listBridges.join(' '))) {
    const name = textOf(link, 'ifname');
    if (name === undefined || !isOurBridge(name)) continue;
    const addresses = listOf(link, 'addr_info')
      .filter((address) => textOf(address, 'family') === 'inet')
      .map(
        (address) => `${textOf(address, 'local') ?? ''}/${String(numberOf(address, 'prefixlen'))}`,
      );
    bridges.set(name, {
      name,
      up: textsOf(link, 'flags').includes('UP'),
      mac: textOf(link, 'address') ?? '',
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
