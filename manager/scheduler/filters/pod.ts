import type { Demand } from '../demand.js';
import type { Candidate } from '../node-set.js';
import { constraintsFilter } from './constraints.js';
import type { Filter, Refusal } from './filter.js';
import { lacks } from './filter.js';
import { platformFilter } from './platform.js';
import { portsFilter } from './ports.js';

const memory = lacks('insufficient memory for all that runs together');
const cpu = lacks('insufficient CPU for all that runs together');

const each: readonly Filter[] = [platformFilter, constraintsFilter, portsFilter];

/** A leader goes only where those that follow it fit as well: they have no other place. */
export const podFilter: Filter = {
  check(demand, candidate) {
    if (demand.followers.length === 0) return undefined;
    const followers = allFollowers(demand);
    return room([demand, ...followers], candidate) ?? firstRefusal(followers, candidate);
  },
};

function allFollowers({ followers }: Demand): readonly Demand[] {
  return followers.flatMap((follower) => [follower, ...allFollowers(follower)]);
}

function room(pod: readonly Demand[], candidate: Candidate): Refusal | undefined {
  const sum = (of: 'memoryBytes' | 'nanoCpus'): number =>
    pod.reduce((total, { task }) => total + task.spec.resources.reservations[of], 0);
  if (sum('memoryBytes') > candidate.freeMemoryBytes) return memory;
  return sum('nanoCpus') > candidate.freeNanoCpus ? cpu : undefined;
}

function firstRefusal(pod: readonly Demand[], candidate: Candidate): Refusal | undefined {
  for (const demand of pod) {
    for (const filter of each) {
      const refusal = filter.check(demand, candidate);
      if (refusal !== undefined) return refusal;
    }
  }
  return undefined;
}
