import { bytesText } from '../../common/base/bytes-text.js';
import type { Demand } from '../demand.js';
import type { Candidate } from '../node-set.js';
import { constraintsFilter } from './constraints.js';
import type { NodeFilter, Refusal } from './filter.js';
import { platformFilter } from './platform.js';
import { portsFilter } from './ports.js';
import { cpusText, lacking } from './resources.js';

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
    return lacking('memory for the whole pod', bytesText(memoryBytes), bytesText(freeMemoryBytes));
  }
  return nanoCpus > freeNanoCpus
    ? lacking('CPU for the whole pod', cpusText(nanoCpus), cpusText(freeNanoCpus))
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
