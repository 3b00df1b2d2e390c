import { Heap } from '../heap.js';
import type { ServiceId } from '../../common/model/ids.js';
import type { Candidate } from '../node-set.js';
import type { CandidatePoolFactory } from './pool.js';
import { compareByName, compareByRefusals } from './pool.js';

/** Fullest suitable node: by reserved memory and CPU, then number of tasks, failures and name. */
export const binpack: CandidatePoolFactory = (candidates, serviceId) => {
  const heap = new Heap(candidates, (a, b) => compareBinpack(a, b, serviceId) < 0);
  return {
    take: () => heap.pop(),
    put: (candidate) => {
      heap.push(candidate);
    },
  };
};

function compareBinpack(a: Candidate, b: Candidate, serviceId: ServiceId): number {
  return (
    compareByRefusals(a, b, serviceId) ||
    fullness(b) - fullness(a) ||
    b.tasks - a.tasks ||
    a.failures - b.failures ||
    compareByName(a, b)
  );
}

/** From 0 (nothing reserved) to 2 (all CPU and memory reserved). */
function fullness(candidate: Candidate): number {
  const { nanoCpus, memoryBytes } = candidate.node.description;
  return used(candidate.freeNanoCpus, nanoCpus) + used(candidate.freeMemoryBytes, memoryBytes);
}

function used(free: number, total: number): number {
  return total > 0 ? (total - free) / total : 0;
}
