import { AppError, isAppError, messageOf } from '../../../manager/common/base/errors.js';
import type { MachineGlobals } from '../../inventory/machine-globals.js';
import { withCluster } from '../../machine/cluster-calls.js';
import type { DrainNodes } from '../../machine/remove.js';
import type { ProgressRow } from '../../output/progress.js';
import { followProject } from '../../rollout/follow/follow.js';
import { evaluateDrain, type DrainedSlots } from '../../rollout/wait-for-drain.js';

/** Drains the ready nodes of machines together, like `node update --availability drain`. */
export function drainNodesIn(options: MachineGlobals): DrainNodes {
  return async (cluster, machines, signal) => {
    try {
      await withCluster(options, cluster, async (client) => {
        const nodes = await client.call('node.list', {}, { signal });
        const ready = new Set<string>(
          nodes.filter(({ status }) => status.state === 'ready').map(({ id }) => id),
        );
        const drained = machines.filter(({ nodeId }) => ready.has(nodeId));
        if (drained.length === 0) return;
        for (const { nodeId, progress } of drained) {
          progress.step('moving its containers to other machines');
          await client.call('node.update', { node: nodeId, availability: 'drain' }, { signal });
        }
        const ids = new Set(drained.map(({ nodeId }) => nodeId));
        const slots: DrainedSlots = new Map();
        const shown = new Set<string>();
        await followProject({
          client,
          progress: {
            show: (_title, rows) => {
              for (const text of rows.flatMap(waitingText)) {
                if (shown.has(text)) continue;
                shown.add(text);
                for (const { progress } of drained) progress.step('moving its containers', text);
              }
            },
            end: () => undefined,
          },
          title: 'Draining',
          evaluate: (state) => evaluateDrain(ids, slots, state),
          signal,
          now: Date.now,
        });
      });
    } catch (error) {
      throw new AppError(
        isAppError(error) ? error.kind : 'internal',
        `cluster "${cluster}": cannot drain the machines: ${messageOf(error)}; -f removes them without waiting`,
        { cause: error },
      );
    }
  };
}

/** Containers that no other machine has room for, with the reason. */
function waitingText({ id, state, detail }: ProgressRow): readonly string[] {
  return state === 'warning' ? [`${id.toLowerCase()} ${detail ?? ''}; -f does not wait`] : [];
}
