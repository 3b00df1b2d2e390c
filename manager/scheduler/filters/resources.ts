import type { Filter } from './filter.js';
import { lacks } from './filter.js';

const memory = lacks('insufficient memory');
const cpu = lacks('insufficient CPU');

/** Checks reservations only; limits and actual use are ignored. */
export const resourcesFilter: Filter = {
  check({ task }, candidate) {
    const { nanoCpus, memoryBytes } = task.spec.resources.reservations;
    if (memoryBytes > 0 && candidate.freeMemoryBytes < memoryBytes) return memory;
    return nanoCpus > 0 && candidate.freeNanoCpus < nanoCpus ? cpu : undefined;
  },
};
