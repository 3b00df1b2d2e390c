import { AppError } from '../../manager/common/base/errors.js';
import type { MachineRecord } from '../inventory/record.js';

export interface RemovalPlan {
  /** Removed first, at the same time. */
  readonly members: readonly MachineRecord[];
  readonly managers: readonly MachineRecord[];
  /** Clusters that lose their manager: nobody is left to be told of leaving members. */
  readonly leaving: ReadonlySet<string>;
}

/**
 * What to remove first. Throws `conflict` when a manager would go and members of its cluster stay,
 * unless forced.
 */
export function planRemoval(
  records: readonly MachineRecord[],
  all: readonly MachineRecord[],
  force: boolean,
): RemovalPlan {
  const isManager = (record: MachineRecord): boolean => record.HostOptions.SwarmOptions.Master;
  const managers = records.filter(isManager);
  const names = new Set(records.map(({ Name }) => Name));
  const staying = new Set(
    all
      .filter((record) => isManager(record) && !names.has(record.Name))
      .map((record) => record.HostOptions.SwarmOptions.Cluster),
  );
  for (const manager of managers) {
    const { Cluster: cluster } = manager.HostOptions.SwarmOptions;
    if (staying.has(cluster)) continue;
    const left = all.filter(
      ({ Name, HostOptions: { SwarmOptions: swarm } }) =>
        swarm.IsSwarm && swarm.Cluster === cluster && !names.has(Name),
    );
    if (left.length === 0 || force) continue;
    const members = left.map(({ Name }) => Name).join(', ');
    throw new AppError(
      'conflict',
      `${manager.Name} is the manager of cluster "${cluster}", which still has ${members}: remove them too, or force it with -f`,
    );
  }
  return {
    members: records.filter((record) => !isManager(record)),
    managers,
    leaving: new Set(
      managers
        .map((record) => record.HostOptions.SwarmOptions.Cluster)
        .filter((cluster) => !staying.has(cluster)),
    ),
  };
}
