import type { Bound, Demand } from '../demand.js';
import type { Candidate, NodeSet } from '../node-set.js';
import { availabilityFilter } from './availability.js';
import { constraintsFilter } from './constraints.js';
import type { Filter, Refusal } from './filter.js';
import { maxReplicasFilter } from './max-replicas.js';
import { platformFilter } from './platform.js';
import { podFilter } from './pod.js';
import { portsFilter } from './ports.js';
import { readyFilter } from './ready.js';
import { resourcesFilter } from './resources.js';

/** What does not change as tasks are placed: looked at once for all demands that ask the same. */
const lasting: readonly Filter[] = [
  readyFilter,
  availabilityFilter,
  platformFilter,
  constraintsFilter,
];
const consuming: readonly Filter[] = [resourcesFilter, portsFilter, maxReplicasFilter, podFilter];

/** Nodes that fit, and why the others do not: each counts with the first filter that refuses it. */
export interface Sifted {
  readonly fitting: readonly Candidate[];
  readonly refusals: RefusalCount;
}

/** Remembers what the lasting filters said, for one decision. */
export class Sieve {
  readonly #set: NodeSet;
  readonly #lasting = new Map<string, Sifted>();

  constructor(set: NodeSet) {
    this.#set = set;
  }

  sift(demand: Demand): Sifted {
    const { fitting: candidates, refusals: before } = this.#siftLasting(demand);
    let refusals: RefusalCount | undefined;
    const fitting = candidates.filter((candidate) => {
      const refusal = firstRefusal(consuming, demand, candidate);
      if (refusal === undefined) return true;
      refusals ??= before.copy();
      refusals.add(refusal, candidate);
      return false;
    });
    return { fitting, refusals: refusals ?? before };
  }

  #siftLasting(demand: Demand): Sifted {
    if (demand.bound !== undefined)
      return siftBy(lasting, demand, boundTo(demand.bound, this.#set));
    const key = JSON.stringify([demand.constraints, demand.platform]);
    let sifted = this.#lasting.get(key);
    if (sifted === undefined) {
      sifted = siftBy(lasting, demand, this.#set.candidates);
      this.#lasting.set(key, sifted);
    }
    return sifted;
  }
}

/** Asks again, of a node that fitted, only what placing a task there may have changed. */
export function stillFits(demand: Demand, candidate: Candidate): boolean {
  return firstRefusal(consuming, demand, candidate) === undefined;
}

function siftBy(
  filters: readonly Filter[],
  demand: Demand,
  candidates: readonly Candidate[],
): Sifted {
  const refusals = new RefusalCount();
  const fitting: Candidate[] = [];
  for (const candidate of candidates) {
    const refusal = firstRefusal(filters, demand, candidate);
    if (refusal === undefined) fitting.push(candidate);
    else refusals.add(refusal, candidate);
  }
  return { fitting, refusals };
}

function firstRefusal(
  filters: readonly Filter[],
  demand: Demand,
  candidate: Candidate,
): Refusal | undefined {
  for (const filter of filters) {
    const refusal = filter.check(demand, candidate);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

function boundTo(bound: Bound, set: NodeSet): readonly Candidate[] {
  return bound.nodeIds.map((id) => set.get(id)).filter((candidate) => candidate !== undefined);
}

/** How many named nodes a reason line has at most. */
const mostNames = 8;

/** Counts refusals and puts them into words. */
export class RefusalCount {
  readonly #counts = new Map<string, { readonly refusal: Refusal; readonly names: string[] }>();
  /** Said for every task of a group: put together once. */
  #lines: readonly string[] | undefined;

  copy(): RefusalCount {
    const copy = new RefusalCount();
    for (const [key, { refusal, names }] of this.#counts) {
      copy.#counts.set(key, { refusal, names: [...names] });
    }
    return copy;
  }

  add(refusal: Refusal, candidate: Candidate): void {
    this.#lines = undefined;
    const entry = this.#counts.get(refusal.which);
    if (entry === undefined) {
      this.#counts.set(refusal.which, { refusal, names: [candidate.node.spec.name] });
    } else {
      entry.names.push(candidate.node.spec.name);
    }
  }

  /** `insufficient memory on 3 nodes, node.labels.disk != ssd on 2 nodes`: most first. */
  summary(): string {
    return this.#sorted()
      .map(({ refusal, names }) => refusal.count(names.length))
      .join(', ');
  }

  /** For a task bound to few nodes: `is down`, `has insufficient memory`. */
  which(): string {
    return this.#sorted()
      .map(({ refusal }) => refusal.which)
      .join(' or ');
  }

  /** One line per reason with the names of the nodes. */
  lines(): readonly string[] {
    this.#lines ??= this.#sorted().map(({ refusal, names }) => {
      const shown = names.slice(0, mostNames).join(', ');
      const more = names.length - mostNames;
      return `${refusal.count(names.length)}: ${shown}${more > 0 ? ` and ${String(more)} more` : ''}`;
    });
    return this.#lines;
  }

  #sorted(): { readonly refusal: Refusal; readonly names: readonly string[] }[] {
    return [...this.#counts.values()].sort(
      (a, b) => b.names.length - a.names.length || (a.refusal.which < b.refusal.which ? -1 : 1),
    );
  }
}
