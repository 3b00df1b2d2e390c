import type { ServiceId } from '../../common/model/ids.js';
import type { Candidate } from '../node-set.js';

/** Pool of suitable nodes; hands out the best one each time. */
export interface CandidatePool {
  /**
   * Removes and returns the best node; the caller puts it back if it still fits after a placement.
   */
  take(): Candidate | undefined;
  put(candidate: Candidate): void;
}

/** A scheduling strategy: creates a pool of candidates for the tasks of one service. */
export type CandidatePoolFactory = (
  candidates: readonly Candidate[],
  serviceId: ServiceId,
) => CandidatePool;

/** Orders nodes that recently rejected tasks of this service last, in every strategy. */
export function compareByRefusals(a: Candidate, b: Candidate, serviceId: ServiceId): number {
  return (a.refusals.get(serviceId) ?? 0) - (b.refusals.get(serviceId) ?? 0);
}

export function compareByName(a: Candidate, b: Candidate): number {
  const [left, right] = [a.node.spec.name, b.node.spec.name];
  if (left !== right) return left < right ? -1 : 1;
  return a.node.id < b.node.id ? -1 : 1;
}
