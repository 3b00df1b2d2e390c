import type { Candidate } from '../candidates.js';
import { orderedPool } from './pool.js';

/** Fullest suitable node: by reserved memory and CPU, then number of tasks, failures and name. */
export const binpack = orderedPool(
  ({ candidate: a }, { candidate: b }) =>
    fullness(b) - fullness(a) || b.tasks - a.tasks || a.failures - b.failures,
);

/** From 0 (nothing reserved) to 2 (all CPU and memory reserved). */
function fullness(candidate: Candidate): number {
  const { nanoCpus, memoryBytes } = candidate.node.description;
  return used(candidate.freeNanoCpus, nanoCpus) + used(candidate.freeMemoryBytes, memoryBytes);
}

function used(free: number, total: number): number {
  return total > 0 ? (total - free) / total : 0;
}
