import type { NetworkId } from '../../manager/common/model/ids.js';
import { messageOf } from '../../manager/common/base/errors.js';
import { batch } from '../linux/batch.js';
import { addBridgeLines, setBridgeLines } from '../linux/bridge.js';
import { addAcceptRule, removeAcceptRule } from '../linux/engine-firewall.js';
import { putFdbLine, removeFdbLines } from '../linux/fdb.js';
import { attachPortLine, removeLinkLine } from '../linux/link.js';
import { putNeighbourLine, removeNeighbourLine } from '../linux/neighbour.js';
import { loadRuleset } from '../linux/nft.js';
import { addVxlanLines, setVxlanLines } from '../linux/vxlan.js';
import type { Change } from '../plan/change.js';
import type { BridgeNetworks } from '../plan/bridge-networks.js';

/** A change that failed; the next observation plans it again. */
export interface ApplyProblem {
  readonly networkId: NetworkId | undefined;
  readonly kind: Change['kind'];
  readonly message: string;
  readonly error: unknown;
}

/**
 * Applies changes in order: the nft table, removals, the engine's networks, devices, then entries
 * in three batches. Neighbours precede forwarding entries, so that a frame never finds a route to
 * an address without a neighbour. A failed change does not prevent the others.
 */
export async function applyChanges(
  changes: readonly Change[],
  bridges: BridgeNetworks,
  signal: AbortSignal,
): Promise<ApplyProblem[]> {
  const problems: ApplyProblem[] = [];
  const attempt = async (change: Change, action: () => Promise<void>): Promise<void> => {
    try {
      await action();
    } catch (error) {
      if (signal.aborted) throw error;
      const { kind, networkId } = change;
      problems.push({ networkId, kind, message: messageOf(error), error });
    }
  };
  for (const change of changes)
    if (change.kind === 'load-table' || change.kind === 'update-table')
      await attempt(change, () => loadRuleset(change.text, signal));
    else if (change.kind === 'add-accept-rule')
      await attempt(change, () => addAcceptRule(change.bridge, signal));
    else if (change.kind === 'remove-accept-rule')
      await attempt(change, () => removeAcceptRule(change.bridge, signal));
  const removals = changes.filter(isRemoval);
  await attemptBatch(attempt, removals, () => batch('ip', removals.flatMap(deviceLines), signal));
  for (const change of changes) {
    if (change.kind === 'remove-network')
      await attempt(change, () => bridges.remove(change.engineNetworkId, signal));
    if (change.kind === 'create-network') {
      const { network, bridge, mtu } = change.wanted;
      await attempt(change, () => bridges.create(network, bridge, mtu, signal));
    }
  }
  await applyKernel(
    changes.filter((change) => !isRemoval(change)),
    attempt,
    signal,
  );
  return problems;
}

type Attempt = (change: Change, action: () => Promise<void>) => Promise<void>;

const isRemoval = ({ kind }: Change): boolean =>
  kind === 'remove-link' || kind === 'remove-neighbour';

async function attemptBatch(
  attempt: Attempt,
  changes: readonly Change[],
  action: () => Promise<void>,
): Promise<void> {
  const [first] = changes;
  if (first !== undefined) await attempt(first, action);
}

async function applyKernel(
  changes: readonly Change[],
  attempt: Attempt,
  signal: AbortSignal,
): Promise<void> {
  const devices = changes.filter((change) => deviceLines(change).length > 0);
  await attemptBatch(attempt, devices, () => batch('ip', devices.flatMap(deviceLines), signal));
  const entries = changes.filter(({ kind }) => kind === 'put-remote' || kind === 'remove-remote');
  await attemptBatch(attempt, entries, () => batch('ip', entries.flatMap(neighbourLines), signal));
  await attemptBatch(attempt, entries, () => batch('bridge', entries.flatMap(fdbLines), signal));
}

function deviceLines(change: Change): string[] {
  switch (change.kind) {
    case 'remove-link':
      return [removeLinkLine(change.name)];
    case 'remove-neighbour':
      return [removeNeighbourLine(change.device, change.address)];
    case 'add-bridge':
      return addBridgeLines(change.wanted);
    case 'set-bridge':
      return setBridgeLines(change.wanted);
    case 'attach-port':
      return [attachPortLine(change.port, change.bridge)];
    case 'add-vxlan':
      return addVxlanLines(change.wanted);
    case 'set-vxlan':
      return setVxlanLines(change.wanted);
    default:
      return [];
  }
}

function neighbourLines(change: Change): string[] {
  return change.kind === 'put-remote' ? [putNeighbourLine(change.device, change.entry)] : [];
}

function fdbLines(change: Change): string[] {
  if (change.kind === 'put-remote') return [putFdbLine(change.device, change.entry)];
  if (change.kind === 'remove-remote')
    return removeFdbLines(change.device, change.mac, change.vtep, change.fromBridge);
  return [];
}
