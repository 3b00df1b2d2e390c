import { Heap } from '../heap.js';
import type { ServiceId } from '../../common/model/ids.js';
import type { Candidate } from '../node-set.js';
import type { CandidatePoolFactory } from './pool.js';
import { compareByName, compareByRefusals } from './pool.js';

/** Fewest tasks of the service, then fewest tasks, then fewest recent failures, then by name. */
export const spread: CandidatePoolFactory = (candidates, serviceId) => {
  const heap = new Heap(candidates, (a, b) => compareSpread(a, b, serviceId) < 0);
  return {
    take: () => heap.pop(),
    put: (candidate) => {
      heap.push(candidate);
    },
  };
};

function compareSpread(a: Candidate, b: Candidate, serviceId: ServiceId): number {
  return (
    compareByRefusals(a, b, serviceId) ||
    (a.serviceTasks.get(serviceId) ?? 0) - (b.serviceTasks.get(serviceId) ?? 0) ||
    a.tasks - b.tasks ||
    a.failures - b.failures ||
    compareByName(a, b)
  );
}
