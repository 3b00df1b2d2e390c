import { isAppError, messageOf } from '../../manager/common/base/errors.js';
import type { Logger } from '../../manager/common/base/log.js';
import { hasLegacyTables, readAcceptRules } from '../linux/engine-firewall.js';
import { parseBridges } from '../linux/bridge.js';
import type { KernelDump } from '../linux/dump.js';
import { dumpKernel } from '../linux/dump.js';
import { listFdb, parseFdb } from '../linux/fdb.js';
import { parseBridgePorts } from '../linux/link.js';
import { parseNeighbours } from '../linux/neighbour.js';
import { readTable } from '../linux/nft.js';
import { run } from '../linux/run.js';
import { parseVxlans } from '../linux/vxlan.js';
import type { ObservedState } from '../plan/observed.js';
import type { ObservedTable } from '../plan/table.js';
import type { BridgeNetworks, ObservedBridgeNetwork } from '../plan/bridge-networks.js';

export interface Observation {
  readonly seen: ObservedState;
  readonly kernel: KernelDump;
  /** Whether iptables rules are in legacy tables, of which the kernel reports no change. */
  readonly legacyTables: boolean;
}

/**
 * Observes Shoal's objects in the kernel and the engine. An unreachable engine is reported as
 * `engine: undefined`, not as an error.
 */
export async function observe(
  bridges: BridgeNetworks,
  log: Logger,
  signal: AbortSignal,
): Promise<Observation> {
  const [kernel, fdbText, table, acceptRules, legacyTables, engine] = await Promise.all([
    dumpKernel(signal),
    run(listFdb, { signal }),
    tableOrNone(signal),
    readAcceptRules(signal),
    hasLegacyTables(),
    engineNetworks(bridges, log, signal),
  ]);
  const seen = {
    bridges: parseBridges(kernel.links),
    vxlans: parseVxlans(kernel.links),
    ports: parseBridgePorts(kernel.links),
    fdb: parseFdb(fdbText),
    neighbours: parseNeighbours(kernel.neighbours),
    table,
    acceptRules,
    engine,
  };
  return { seen, kernel, legacyTables };
}

async function tableOrNone(signal: AbortSignal): Promise<ObservedTable | undefined> {
  try {
    return await readTable(signal);
  } catch (error) {
    // The missing nft is reported when the table is loaded; observing must not fail.
    if (isAppError(error) && error.kind === 'not-found') return undefined;
    throw error;
  }
}

async function engineNetworks(
  bridges: BridgeNetworks,
  log: Logger,
  signal: AbortSignal,
): Promise<readonly ObservedBridgeNetwork[] | undefined> {
  try {
    return await bridges.list(signal);
  } catch (error) {
    if (signal.aborted) throw error;
    log.debug(`overlay: cannot list engine networks: ${messageOf(error)}`);
    return undefined;
  }
}
