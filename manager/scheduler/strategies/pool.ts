import type { ServiceId } from '../../common/model/ids.js';
import type { Candidate } from '../node-set.js';

/** The nodes that fit, handing out the best one each time. */
export interface Pool {
  /** Takes the best one out; the caller puts it back when it still fits after a placement. */
  take(): Candidate | undefined;
  put(candidate: Candidate): void;
}

/** A strategy: makes a pool of candidates for tasks of one service. */
export type MakePool = (candidates: readonly Candidate[], serviceId: ServiceId) => Pool;

/** Nodes that refused tasks of this service of late come last, whatever the strategy. */
export function compareRefusals(a: Candidate, b: Candidate, serviceId: ServiceId): number {
  return (a.refusals.get(serviceId) ?? 0) - (b.refusals.get(serviceId) ?? 0);
}

export function compareNames(a: Candidate, b: Candidate): number {
  const [left, right] = [a.node.spec.name, b.node.spec.name];
  if (left !== right) return left < right ? -1 : 1;
  return a.node.id < b.node.id ? -1 : 1;
}
