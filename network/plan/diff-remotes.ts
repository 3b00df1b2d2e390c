import type { Change } from './change.js';
import type { ObservedFdb, ObservedState } from './observed.js';
import type { WantedNetwork } from './wanted.js';

const noFdb: ObservedFdb = { tunnel: new Map(), bridge: new Set() };

/**
 * Changes to the entries of one VXLAN device. For a device that is about to be recreated the
 * observed entries may be stale; the caller plans the rest after its next observation.
 */
export function remoteChanges(wanted: WantedNetwork, seen: ObservedState): Change[] {
  const device = wanted.vxlan;
  const fdb = seen.fdb.get(device) ?? noFdb;
  const neighbours = seen.neighbours.get(device) ?? new Map<string, string>();
  return [
    ...staleTunnels(wanted, fdb),
    ...staleBridgeEntries(wanted, fdb),
    ...staleNeighbours(wanted, neighbours),
    ...missingEntries(wanted, fdb, neighbours),
  ];
}

function staleTunnels(wanted: WantedNetwork, fdb: ObservedFdb): Change[] {
  const changes: Change[] = [];
  for (const [mac, vteps] of fdb.tunnel) {
    const entry = wanted.remotes.get(mac);
    for (const vtep of vteps) {
      if (entry?.vtep === vtep) continue;
      // `replace` moves an entry with a single destination; further destinations need a removal.
      if (entry !== undefined && vteps.length === 1) continue;
      changes.push({
        kind: 'remove-remote',
        device: wanted.vxlan,
        mac,
        vtep,
        fromBridge: entry === undefined && fdb.bridge.has(mac),
        networkId: undefined,
        cause: entry === undefined ? 'endpoint is gone' : `endpoint is at ${entry.vtep}`,
      });
    }
  }
  return changes;
}

function staleBridgeEntries(wanted: WantedNetwork, fdb: ObservedFdb): Change[] {
  const stale = [...fdb.bridge].filter((mac) => !wanted.remotes.has(mac) && !fdb.tunnel.has(mac));
  return stale.map((mac) => ({
    kind: 'remove-remote',
    device: wanted.vxlan,
    mac,
    vtep: undefined,
    fromBridge: true,
    networkId: undefined,
    cause: 'endpoint is gone',
  }));
}

function staleNeighbours(wanted: WantedNetwork, neighbours: ReadonlyMap<string, string>): Change[] {
  const addresses = new Set([...wanted.remotes.values()].map(({ address }) => address));
  const stale = [...neighbours.keys()].filter((address) => !addresses.has(address));
  return stale.map((address) => ({
    kind: 'remove-neighbour',
    device: wanted.vxlan,
    address,
    networkId: undefined,
    cause: 'endpoint is gone',
  }));
}

function missingEntries(
  wanted: WantedNetwork,
  fdb: ObservedFdb,
  neighbours: ReadonlyMap<string, string>,
): Change[] {
  const changes: Change[] = [];
  for (const entry of wanted.remotes.values()) {
    const vteps = fdb.tunnel.get(entry.mac) ?? [];
    const cause = !vteps.includes(entry.vtep)
      ? vteps.length > 0
        ? `endpoint was at ${vteps.join(', ')}`
        : 'missing'
      : !fdb.bridge.has(entry.mac)
        ? 'missing on the bridge'
        : neighbours.get(entry.address) !== entry.mac
          ? 'neighbour is missing'
          : undefined;
    if (cause !== undefined)
      changes.push({
        kind: 'put-remote',
        device: wanted.vxlan,
        entry,
        networkId: wanted.network.id,
        cause,
      });
  }
  return changes;
}
