import type { Filter } from './filter.js';
import { lacks } from './filter.js';

export const maxReplicasFilter: Filter = {
  check({ task }, candidate) {
    const limit = task.spec.placement.maxReplicasPerNode;
    if (limit === 0 || (candidate.serviceTasks.get(task.serviceId) ?? 0) < limit) return undefined;
    return lacks(`limit of ${limit} ${limit === 1 ? 'replica' : 'replicas'} per node is reached`);
  },
};
