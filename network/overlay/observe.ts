import { isAppError, messageOf } from '../../manager/common/base/errors.js';
import type { Logger } from '../../manager/common/base/log.js';
import { readAcceptRules } from '../linux/engine-firewall.js';
import { listBridges, parseBridges } from '../linux/bridge.js';
import { listFdb, parseFdb } from '../linux/fdb.js';
import { listLinks, parseBridgePorts } from '../linux/link.js';
import { listNeighbours, parseNeighbours } from '../linux/neighbour.js';
import { readRulesetMark } from '../linux/nft.js';
import { run } from '../linux/run.js';
import { listVxlans, parseVxlans } from '../linux/vxlan.js';
import type { ObservedState } from '../plan/observed.js';
import type { BridgeNetworks, ObservedBridgeNetwork } from '../plan/bridge-networks.js';

/**
 * Observes Shoal's objects in the kernel and the engine. An unreachable engine is reported as
 * `engine: undefined`, not as an error.
 */
export async function observe(
  bridges: BridgeNetworks,
  log: Logger,
  signal: AbortSignal,
): Promise<ObservedState> {
  const dump = (argv: readonly string[]): Promise<string> => run(argv, { signal });
  const [bridgeText, vxlanText, linkText, fdbText, neighbourText, rulesetMark, passes, engine] =
    await Promise.all([
      dump(listBridges),
      dump(listVxlans),
      dump(listLinks),
      dump(listFdb),
      dump(listNeighbours),
      rulesetMarkOrNone(signal),
      readAcceptRules(signal),
      engineNetworks(bridges, log, signal),
    ]);
  return {
    bridges: parseBridges(bridgeText),
    vxlans: parseVxlans(vxlanText),
    ports: parseBridgePorts(linkText),
    fdb: parseFdb(fdbText),
    neighbours: parseNeighbours(neighbourText),
    rulesetMark,
    acceptRules: passes,
    engine,
  };
}

async function rulesetMarkOrNone(signal: AbortSignal): Promise<string | undefined> {
  try {
    return await readRulesetMark(signal);
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
