import { valueOnNode } from '../../common/model/constraint.js';
import type { ServiceId } from '../../common/model/ids.js';
import type { Candidate } from '../candidates.js';
import type { CandidatePoolFactory, CandidatePool } from './pool.js';

interface Branch {
  readonly value: string;
  readonly pool: CandidatePool;
  /** Tasks of the service on all nodes with this value, including full nodes. */
  tasks: number;
}

/**
 * Spreads tasks evenly over the values of a label before the strategy chooses a node:
 * `node.labels.zone` places as many tasks of a service in each zone. Further preferences apply
 * within each value.
 */
export function spreadOver(
  preferences: readonly string[],
  all: readonly Candidate[],
  makePool: CandidatePoolFactory,
): CandidatePoolFactory {
  const [key, ...rest] = preferences;
  if (key === undefined) return makePool;
  return (candidates, serviceId) => {
    const allByValue = groupByValue(all, key);
    const branches = new Map<string, Branch>();
    for (const [value, nodes] of groupByValue(candidates, key)) {
      const nodesOfValue = allByValue.get(value) ?? [];
      branches.set(value, {
        value,
        pool: spreadOver(rest, nodesOfValue, makePool)(nodes, serviceId),
        tasks: countTasks(nodesOfValue, serviceId),
      });
    }
    return new BranchPool(key, branches);
  };
}

class BranchPool implements CandidatePool {
  readonly #key: string;
  readonly #branches: ReadonlyMap<string, Branch>;
  /** Values without a node left in their pool. */
  readonly #empty = new Set<string>();

  constructor(key: string, branches: ReadonlyMap<string, Branch>) {
    this.#key = key;
    this.#branches = branches;
  }

  take(): Candidate | undefined {
    for (;;) {
      const branch = this.#emptiest();
      if (branch === undefined) return undefined;
      const candidate = branch.pool.take();
      if (candidate !== undefined) {
        branch.tasks += 1;
        return candidate;
      }
      this.#empty.add(branch.value);
    }
  }

  put(candidate: Candidate): void {
    const value = valueOnNode(candidate.node, this.#key);
    this.#branches.get(value)?.pool.put(candidate);
    this.#empty.delete(value);
  }

  #emptiest(): Branch | undefined {
    let best: Branch | undefined;
    for (const branch of this.#branches.values()) {
      if (this.#empty.has(branch.value)) continue;
      if (best === undefined || isBefore(branch, best)) best = branch;
    }
    return best;
  }
}

function isBefore(a: Branch, b: Branch): boolean {
  return a.tasks !== b.tasks ? a.tasks < b.tasks : a.value < b.value;
}

function groupByValue(
  candidates: readonly Candidate[],
  key: string,
): ReadonlyMap<string, Candidate[]> {
  const groups = new Map<string, Candidate[]>();
  for (const candidate of candidates) {
    const value = valueOnNode(candidate.node, key);
    const group = groups.get(value);
    if (group === undefined) groups.set(value, [candidate]);
    else group.push(candidate);
  }
  return groups;
}

function countTasks(candidates: readonly Candidate[], serviceId: ServiceId): number {
  return candidates.reduce((sum, { serviceTasks }) => sum + (serviceTasks.get(serviceId) ?? 0), 0);
}
