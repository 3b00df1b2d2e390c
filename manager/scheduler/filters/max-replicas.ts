import type { NodeFilter } from './filter.js';
import { reasonOnNodes } from './filter.js';

export const maxReplicasFilter: NodeFilter = {
  check({ task }, candidate) {
    const limit = task.spec.placement.maxReplicasPerNode;
    if (limit === 0 || (candidate.serviceTasks.get(task.serviceId) ?? 0) < limit) return undefined;
    return reasonOnNodes(
      `limit of ${limit} ${limit === 1 ? 'replica' : 'replicas'} per node is reached`,
    );
  },
};
