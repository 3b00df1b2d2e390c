import { messageOf } from '../../manager/common/base/errors.js';
import type { Network } from '../../manager/common/model/network.js';
import type { ControlClient } from '../client/client.js';
import type { FailedCheck } from './findings.js';
import type { OverlayPair } from './overlay-pairs.js';
import { overlayPairs } from './overlay-pairs.js';

const callTimeoutMs = 10_000;

/** Facts of the managers that machines are checked against, and questions that failed. */
export interface ClusterObservation {
  /** Pairs of containers on a common overlay network. */
  readonly pairs: readonly OverlayPair[];
  /** Networks that an engine refuses to remove. */
  readonly networks: readonly Network[];
  readonly failed: readonly FailedCheck[];
}

export const noCluster: ClusterObservation = { pairs: [], networks: [], failed: [] };

/** Asks a manager for tasks and networks. A failed question becomes a failed check. */
export async function observeCluster(
  connect: () => Promise<Pick<ControlClient, 'call'>>,
  machines: Parameters<typeof overlayPairs>[0],
  signal: AbortSignal,
): Promise<ClusterObservation> {
  const failed: FailedCheck[] = [];
  const orFailed = async <Item>(
    what: string,
    ask: () => Promise<readonly Item[]>,
  ): Promise<readonly Item[]> => {
    try {
      return await ask();
    } catch (error) {
      signal.throwIfAborted();
      failed.push({ what, reason: messageOf(error) });
      return [];
    }
  };
  const options = { signal, timeoutMs: callTimeoutMs };
  const pairs = await orFailed('overlay paths', async () => {
    const client = await connect();
    return overlayPairs(machines, await client.call('task.list', {}, options));
  });
  const networks = await orFailed('removed networks', async () => {
    const client = await connect();
    const all = await client.call('network.list', {}, options);
    return all.filter(({ leftOn = [] }) => leftOn.length > 0);
  });
  return { pairs, networks, failed };
}
