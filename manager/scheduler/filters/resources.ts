import type { NodeFilter } from './filter.js';
import { reasonOnNodes } from './filter.js';

const memory = reasonOnNodes('insufficient memory');
const cpu = reasonOnNodes('insufficient CPU');

/** Checks reservations only; limits and actual use are ignored. */
export const resourcesFilter: NodeFilter = {
  check({ task }, candidate) {
    const { nanoCpus, memoryBytes } = task.spec.resources.reservations;
    if (memoryBytes > 0 && candidate.freeMemoryBytes < memoryBytes) return memory;
    return nanoCpus > 0 && candidate.freeNanoCpus < nanoCpus ? cpu : undefined;
  },
};
