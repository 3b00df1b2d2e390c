import { Heap } from '../heap.js';
import type { ServiceId } from '../../common/model/ids.js';
import type { Candidate } from '../node-set.js';
import type { MakePool } from './pool.js';
import { compareNames, compareRefusals } from './pool.js';

/** Fewest tasks of the service, then fewest tasks, then fewest recent failures, then by name. */
export const spread: MakePool = (candidates, serviceId) => {
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
    compareRefusals(a, b, serviceId) ||
    (a.serviceTasks.get(serviceId) ?? 0) - (b.serviceTasks.get(serviceId) ?? 0) ||
    a.tasks - b.tasks ||
    a.failures - b.failures ||
    compareNames(a, b)
  );
}
