import type { ObservedBridgeNetwork } from './bridge-networks.js';
import type { Change } from './change.js';
import { remoteChanges } from './diff-remotes.js';
import { vxlanPort } from '../../manager/common/model/network.js';
import { isOurBridge, isOurVxlan } from './names.js';
import { hasFixedChains, rulesetFor } from './ruleset.js';
import { cleanUpText, loadText, updateTableText } from './table.js';
import type { ObservedBridge, ObservedState, ObservedVxlan } from './observed.js';
import type { WantedNetwork, WantedState } from './wanted.js';

/** Last observed ports of each Shoal bridge, to reattach after a bridge was deleted. */
export type RememberedPorts = ReadonlyMap<string, readonly string[]>;

/**
 * Plans the changes in the order to apply them: first those that cut traffic (stale devices,
 * entries, the table), then those that connect. Pure; the same input gives the same list. Without
 * the engine's state only kernel changes are planned.
 */
export function diff(
  wanted: WantedState,
  seen: ObservedState,
  remembered: RememberedPorts = new Map(),
): Change[] {
  return [
    ...staleDevices(wanted, seen),
    ...rulesetChange(wanted, seen),
    ...acceptRuleChanges(wanted, seen),
    ...(seen.engine === undefined ? [] : staleEngineNetworks(wanted, seen.engine)),
    ...wanted.networks.flatMap((network) => networkChanges(network, seen, remembered)),
  ];
}

function staleDevices(wanted: WantedState, seen: ObservedState): Change[] {
  const names = new Set(wanted.networks.map(({ vxlan }) => vxlan));
  const stale = [...seen.vxlans.values()].filter(
    ({ name }) => isOurVxlan(name) && !names.has(name),
  );
  return [
    ...stale.map(({ name }) => removeLink(name, 'network is not on this node')),
    ...orphanedBridges(wanted, seen),
  ];
}

/**
 * Bridges without an engine network: the engine forgets a bridge that was recreated under its
 * network.
 */
function orphanedBridges(wanted: WantedState, seen: ObservedState): Change[] {
  if (seen.engine === undefined) return [];
  const known = new Set([
    ...seen.engine.map(({ bridge }) => bridge),
    ...wanted.networks.map(({ bridge }) => bridge),
  ]);
  const orphans = [...seen.bridges.keys()].filter((name) => isOurBridge(name) && !known.has(name));
  return orphans.map((name) => removeLink(name, 'orphaned: its network is gone'));
}

const removeLink = (name: string, cause: string): Change => ({
  kind: 'remove-link',
  name,
  networkId: undefined,
  cause,
});

function rulesetChange(wanted: WantedState, seen: ObservedState): Change[] {
  const table = rulesetFor(wanted, seen);
  const networkId = undefined;
  if (seen.table === undefined || !hasFixedChains(seen.table)) {
    const cause = seen.table === undefined ? 'missing' : 'altered or of another version';
    return [{ kind: 'load-table', text: loadText(table), networkId, cause }];
  }
  const updates = [
    [updateTableText(table, seen.table), 'networks or nodes changed'],
    [cleanUpText(table, seen.table), 'networks are gone'],
  ] as const;
  return updates.flatMap(([text, cause]): Change[] =>
    text === undefined ? [] : [{ kind: 'update-table', text, networkId, cause }],
  );
}

/**
 * Accept rules for traffic within a bridge. Without them the engine's rules for every network of
 * the host are evaluated for each packet, which costs a twentieth of the throughput with two
 * networks.
 */
function acceptRuleChanges(wanted: WantedState, { acceptRules: passes }: ObservedState): Change[] {
  if (passes === undefined) return [];
  const bridges = new Set(wanted.networks.map(({ bridge }) => bridge));
  const gone = [...passes].filter((bridge) => isOurBridge(bridge) && !bridges.has(bridge));
  const missing = [...bridges].filter((bridge) => !passes.has(bridge));
  return [
    ...gone.map((bridge) =>
      acceptRuleChange('remove-accept-rule', bridge, 'network is not on this node'),
    ),
    ...missing.map((bridge) => acceptRuleChange('add-accept-rule', bridge, 'missing')),
  ];
}

const acceptRuleChange = (
  kind: 'add-accept-rule' | 'remove-accept-rule',
  bridge: string,
  cause: string,
): Change => ({
  kind,
  bridge,
  networkId: undefined,
  cause,
});

function staleEngineNetworks(
  wanted: WantedState,
  engine: readonly ObservedBridgeNetwork[],
): Change[] {
  const ids = new Set(wanted.networks.map(({ network }) => network.id));
  return engine
    .filter(({ networkId }) => !ids.has(networkId))
    .map((stale) => removeNetwork(stale, 'not on this node', false));
}

function removeNetwork(seen: ObservedBridgeNetwork, cause: string, blocks: boolean): Change {
  return {
    kind: 'remove-network',
    engineNetworkId: seen.networkId,
    name: seen.name,
    networkId: blocks ? seen.networkId : undefined,
    cause,
  };
}

function networkChanges(
  wanted: WantedNetwork,
  seen: ObservedState,
  remembered: RememberedPorts,
): Change[] {
  const engine = engineChanges(wanted, seen);
  // Nothing can be attached until the engine has created the bridge; the next observation
  // continues.
  if (engine.some(({ kind }) => kind === 'create-network' || kind === 'remove-network'))
    return engine;
  return [
    ...engine,
    ...bridgeChanges(wanted, seen, remembered),
    ...vxlanChanges(wanted, seen.vxlans.get(wanted.vxlan)),
    ...remoteChanges(wanted, seen),
  ];
}

function engineChanges(wanted: WantedNetwork, seen: ObservedState): Change[] {
  const networkId = wanted.network.id;
  if (seen.engine === undefined) {
    // Without the engine's state, a deleted bridge looks the same as one that was never created.
    if (seen.bridges.has(wanted.bridge)) return [];
    return [{ kind: 'create-network', wanted, networkId, cause: 'the bridge is missing' }];
  }
  const found = seen.engine.find((network) => network.networkId === networkId);
  if (found === undefined) {
    const create: Change = { kind: 'create-network', wanted, networkId, cause: 'missing' };
    // The engine would adopt an existing bridge and then never remove it.
    return seen.bridges.has(wanted.bridge)
      ? [{ ...removeLink(wanted.bridge, 'orphaned: its network is gone'), networkId }, create]
      : [create];
  }
  const mismatch = engineMismatch(wanted, found);
  if (mismatch === undefined) return [];
  // Another MTU still carries packets and does not justify detaching containers.
  if (mismatch.startsWith('mtu') && found.containers.length > 0) return [];
  return [removeNetwork(found, mismatch, true)];
}

function engineMismatch(wanted: WantedNetwork, found: ObservedBridgeNetwork): string | undefined {
  const { network } = wanted;
  const pairs: readonly (readonly [
    string,
    string | number | boolean,
    string | number | boolean,
  ])[] = [
    ['bridge', wanted.bridge, found.bridge],
    ['subnet', network.subnet, found.subnet],
    ['gateway', network.gateway, found.gateway],
    ['internal', network.internal, found.internal],
    ['mtu', wanted.mtu, found.mtu],
  ];
  const mismatch = pairs.find(([, want, have]) => want !== have);
  return mismatch && `${mismatch[0]} is ${String(mismatch[2])} instead of ${String(mismatch[1])}`;
}

function bridgeChanges(
  wanted: WantedNetwork,
  seen: ObservedState,
  remembered: RememberedPorts,
): Change[] {
  const networkId = wanted.network.id;
  const bridge = seen.bridges.get(wanted.bridge);
  const changes: Change[] = [];
  if (bridge === undefined)
    changes.push({
      kind: 'add-bridge',
      wanted,
      networkId,
      cause: 'deleted while its network exists',
    });
  else {
    const cause = bridgeMismatch(wanted, bridge);
    if (cause !== undefined) changes.push({ kind: 'set-bridge', wanted, networkId, cause });
  }
  // Only ports without a bridge are reattached: a port moved elsewhere is left alone.
  for (const port of remembered.get(wanted.bridge) ?? [])
    if (!isOurVxlan(port) && seen.ports.has(port) && seen.ports.get(port) === undefined)
      changes.push({
        kind: 'attach-port',
        port,
        bridge: wanted.bridge,
        networkId,
        cause: 'detached from its bridge',
      });
  return changes;
}

function bridgeMismatch(wanted: WantedNetwork, seen: ObservedBridge): string | undefined {
  const gateway = `${wanted.network.gateway}/${String(wanted.prefix)}`;
  if (!seen.up) return 'down';
  if (!seen.addresses.includes(gateway)) return `address ${gateway} is missing`;
  if (seen.mac !== wanted.bridgeMac) return `mac is ${seen.mac}`;
  return undefined;
}

function vxlanChanges(wanted: WantedNetwork, seen: ObservedVxlan | undefined): Change[] {
  const networkId = wanted.network.id;
  if (seen === undefined) return [{ kind: 'add-vxlan', wanted, networkId, cause: 'missing' }];
  const fixed = fixedMismatch(wanted, seen);
  if (fixed !== undefined)
    return [
      { ...removeLink(seen.name, fixed), networkId },
      { kind: 'add-vxlan', wanted, networkId, cause: fixed },
    ];
  const cause = settableMismatch(wanted, seen);
  return cause === undefined ? [] : [{ kind: 'set-vxlan', wanted, networkId, cause }];
}

/** Mismatches in attributes that the kernel cannot change on an existing device. */
function fixedMismatch(wanted: WantedNetwork, seen: ObservedVxlan): string | undefined {
  if (seen.vni !== wanted.network.vni) return `vni is ${String(seen.vni)}`;
  if (seen.port !== vxlanPort) return `port is ${String(seen.port)}`;
  if (seen.local !== wanted.local) return `source is ${seen.local ?? 'any'}`;
  if (seen.learning) return 'learning is on';
  if (!seen.proxy) return 'proxy is off';
  return undefined;
}

function settableMismatch(wanted: WantedNetwork, seen: ObservedVxlan): string | undefined {
  if (seen.master !== wanted.bridge) return `on bridge ${seen.master ?? 'none'}`;
  if (!seen.up) return 'down';
  if (seen.mtu !== wanted.mtu) return `mtu is ${String(seen.mtu)}`;
  if (seen.portFloods !== false) return 'flooding is on';
  return undefined;
}

/**
 * Changes that remove Shoal's devices and engine networks when the machine leaves the cluster. The
 * nft table stays until they are gone.
 */
export function removeAll(seen: ObservedState): Change[] {
  return diff({ networks: [] }, seen).filter(
    ({ kind }) => kind !== 'load-table' && kind !== 'update-table',
  );
}
