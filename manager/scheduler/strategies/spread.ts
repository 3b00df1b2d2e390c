import { orderedPool } from './pool.js';

/** Fewest tasks of the service, then fewest tasks, then fewest recent failures, then by name. */
export const spread = orderedPool(
  (a, b) =>
    a.own - b.own ||
    a.candidate.tasks - b.candidate.tasks ||
    a.candidate.failures - b.candidate.failures,
);
