import { AppError } from '../../manager/common/base/errors.js';
import type { MachineRecord } from '../inventory/machine-record.js';

export interface RemovalPlan {
  /** Workers and standalone machines, removed first and concurrently. */
  readonly workers: readonly MachineRecord[];
  readonly managers: readonly MachineRecord[];
  /** Clusters that lose their last manager: their nodes need not be deregistered. */
  readonly dissolvedClusters: ReadonlySet<string>;
}

/**
 * Orders the removal of machines. Throws `conflict` if a cluster would lose its last manager while
 * other members stay, unless `force` is set.
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
      `${manager.Name} is the last manager of cluster "${cluster}", which still has ${members}; remove them too, or use -f`,
    );
  }
  return {
    workers: records.filter((record) => !isManager(record)),
    managers,
    dissolvedClusters: new Set(
      managers
        .map((record) => record.HostOptions.SwarmOptions.Cluster)
        .filter((cluster) => !staying.has(cluster)),
    ),
  };
}
