import { bytesText } from '../../common/base/bytes-text.js';
import type { Demand } from '../demand.js';
import type { Candidate } from '../candidates.js';
import { constraintsFilter } from './constraints.js';
import type { NodeFilter, Refusal } from './filter.js';
import { reasonOnNodes } from './filter.js';
import { platformFilter } from './platform.js';
import { portsFilter } from './ports.js';
import { cpusText, lacking } from './resources.js';

const memory = reasonOnNodes('insufficient memory for the whole pod');
const cpu = reasonOnNodes('insufficient CPU for the whole pod');
const followerFilters: readonly NodeFilter[] = [platformFilter, constraintsFilter, portsFilter];

/** A leader is placed only where its followers fit as well: they must share its node. */
export const podFilter: NodeFilter = {
  check(demand, candidate) {
    if (demand.followers.length === 0) return undefined;
    const followers = allFollowers(demand);
    return podRefusal([demand, ...followers], candidate) ?? firstRefusal(followers, candidate);
  },
};

function allFollowers({ followers }: Demand): readonly Demand[] {
  return followers.flatMap((follower) => [follower, ...allFollowers(follower)]);
}

function podRefusal(pod: readonly Demand[], candidate: Candidate): Refusal | undefined {
  const sum = (resource: 'memoryBytes' | 'nanoCpus'): number =>
    pod.reduce((total, { task }) => total + task.spec.resources.reservations[resource], 0);
  const { freeMemoryBytes, freeNanoCpus } = candidate;
  const [memoryBytes, nanoCpus] = [sum('memoryBytes'), sum('nanoCpus')];
  if (memoryBytes > freeMemoryBytes) {
    return lacking(memory, bytesText, { requested: memoryBytes, free: freeMemoryBytes });
  }
  return nanoCpus > freeNanoCpus
    ? lacking(cpu, cpusText, { requested: nanoCpus, free: freeNanoCpus })
    : undefined;
}

function firstRefusal(pod: readonly Demand[], candidate: Candidate): Refusal | undefined {
  for (const demand of pod) {
    for (const filter of followerFilters) {
      const refusal = filter.check(demand, candidate);
      if (refusal !== undefined) return refusal;
    }
  }
  return undefined;
}
