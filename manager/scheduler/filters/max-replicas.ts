import type { Filter } from './filter.js';
import { lacks } from './filter.js';

export const maxReplicasFilter: Filter = {
  check({ task }, candidate) {
    const most = task.spec.placement.maxReplicasPerNode;
    if (most === 0 || (candidate.serviceTasks.get(task.serviceId) ?? 0) < most) return undefined;
    return lacks(`limit of ${most} ${most === 1 ? 'replica' : 'replicas'} per node is reached`);
  },
};
