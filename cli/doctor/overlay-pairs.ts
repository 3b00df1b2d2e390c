import type { Task } from '../../manager/common/model/task.js';
import { isLiveTask } from '../project/selection.js';

/** Two containers on different machines that share an overlay network. */
export interface OverlayPair {
  /** Names of the machines. */
  readonly from: string;
  readonly to: string;
  readonly network: string;
  readonly containerId: string;
  /** Overlay address of the container on `to`. */
  readonly address: string;
}

/** Returns one pair for each ordered pair of machines with containers on a common network. Pure. */
export function overlayPairs(
  machines: readonly { readonly name: string; readonly nodeId: string }[],
  tasks: readonly Task[],
): readonly OverlayPair[] {
  const running = tasks.filter(
    (task) =>
      isLiveTask(task) && task.status.state === 'running' && task.status.containerId !== undefined,
  );
  const on = (nodeId: string): readonly Task[] => running.filter((task) => task.nodeId === nodeId);
  return machines.flatMap((from) =>
    machines
      .filter((to) => to !== from)
      .flatMap((to) => {
        const found = commonNetwork(on(from.nodeId), on(to.nodeId));
        return found === undefined ? [] : [{ from: from.name, to: to.name, ...found }];
      }),
  );
}

function commonNetwork(
  fromTasks: readonly Task[],
  toTasks: readonly Task[],
): Pick<OverlayPair, 'network' | 'containerId' | 'address'> | undefined {
  for (const { attachments, status } of fromTasks) {
    for (const { networkId, network } of attachments) {
      const address = toTasks
        .flatMap((task) => task.attachments)
        .find((other) => other.networkId === networkId)?.address;
      if (address === undefined || status.containerId === undefined) continue;
      return { network, containerId: status.containerId, address };
    }
  }
  return undefined;
}
