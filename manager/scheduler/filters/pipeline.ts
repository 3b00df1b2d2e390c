import type { Bound, Demand } from '../demand.js';
import type { Candidate, NodeSet } from '../node-set.js';
import { availabilityFilter } from './availability.js';
import { constraintsFilter } from './constraints.js';
import type { NodeFilter, Refusal } from './filter.js';
import { maxReplicasFilter } from './max-replicas.js';
import { platformFilter } from './platform.js';
import { podFilter } from './pod.js';
import { portsFilter } from './ports.js';
import { readyFilter } from './ready.js';
import { resourcesFilter } from './resources.js';

/**
 * Filters not affected by placements: evaluated once for all demands with the same requirements.
 */
const staticFilters: readonly NodeFilter[] = [
  readyFilter,
  availabilityFilter,
  platformFilter,
  constraintsFilter,
];
const dynamicFilters: readonly NodeFilter[] = [
  resourcesFilter,
  portsFilter,
  maxReplicasFilter,
  podFilter,
];

/**
 * Suitable nodes, and the reasons for the others: each node counts for the first filter it fails.
 */
export interface FilterResult {
  readonly fitting: readonly Candidate[];
  readonly refusals: RefusalCount;
}

/** Filters nodes for one decision; caches the results of the static filters. */
export class FilterPipeline {
  readonly #set: NodeSet;
  readonly #staticResults = new Map<string, FilterResult>();

  constructor(set: NodeSet) {
    this.#set = set;
  }

  filter(demand: Demand): FilterResult {
    const { fitting: candidates, refusals: before } = this.#filterStatic(demand);
    let refusals: RefusalCount | undefined;
    const fitting = candidates.filter((candidate) => {
      const refusal = firstRefusal(dynamicFilters, demand, candidate);
      if (refusal === undefined) return true;
      refusals ??= before.copy();
      refusals.add(refusal, candidate);
      return false;
    });
    return { fitting, refusals: refusals ?? before };
  }

  #filterStatic(demand: Demand): FilterResult {
    if (demand.bound !== undefined)
      return applyFilters(staticFilters, demand, boundTo(demand.bound, this.#set));
    const key = JSON.stringify([demand.constraints, demand.platform]);
    let result = this.#staticResults.get(key);
    if (result === undefined) {
      result = applyFilters(staticFilters, demand, this.#set.candidates);
      this.#staticResults.set(key, result);
    }
    return result;
  }
}

/** Rechecks a suitable node after a placement, with the filters that depend on placements. */
export function stillFits(demand: Demand, candidate: Candidate): boolean {
  return firstRefusal(dynamicFilters, demand, candidate) === undefined;
}

/** Whether all filters accept the node, as it is or as it will be. */
export function fitsOn(demand: Demand, candidate: Candidate): boolean {
  const { bound } = demand;
  if (bound !== undefined && !bound.nodeIds.includes(candidate.node.id)) return false;
  return firstRefusal([...staticFilters, ...dynamicFilters], demand, candidate) === undefined;
}

function applyFilters(
  filters: readonly NodeFilter[],
  demand: Demand,
  candidates: readonly Candidate[],
): FilterResult {
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
  filters: readonly NodeFilter[],
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

/** Maximum number of node names in a reason line. */
const maxNames = 8;

/** Counts refusals by reason and describes them. */
export class RefusalCount {
  readonly #counts = new Map<string, { readonly refusal: Refusal; readonly names: string[] }>();
  /** Cached reason lines, shared by every task of a group. */
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
    const { name } = candidate.node.spec;
    const text = refusal.amounts === undefined ? name : `${name} (${refusal.amounts.free})`;
    const entry = this.#counts.get(refusal.predicate);
    if (entry === undefined) this.#counts.set(refusal.predicate, { refusal, names: [text] });
    else entry.names.push(text);
  }

  /** `insufficient memory on 3 nodes, node.labels.disk != ssd on 2 nodes`, most frequent first. */
  summary(): string {
    return this.#sorted()
      .map(({ refusal, names }) => refusal.count(names.length))
      .join(', ');
  }

  /** Reasons for a task restricted to few nodes: `is down or has insufficient memory`. */
  predicates(): string {
    return this.#sorted()
      .map(({ refusal: { predicate, amounts }, names }) =>
        amounts === undefined || names.length > 1
          ? predicate
          : `${predicate} (${amounts.requested}, ${amounts.free})`,
      )
      .join(' or ');
  }

  /** One line per reason, with the names of the nodes. */
  lines(): readonly string[] {
    this.#lines ??= this.#sorted().map(({ refusal, names }) => {
      const shown = names.slice(0, maxNames).join(', ');
      const more = names.length - maxNames;
      const requested = refusal.amounts === undefined ? '' : ` (${refusal.amounts.requested})`;
      return `${refusal.count(names.length)}${requested}: ${shown}${more > 0 ? ` and ${String(more)} more` : ''}`;
    });
    return this.#lines;
  }

  #sorted(): { readonly refusal: Refusal; readonly names: readonly string[] }[] {
    return [...this.#counts.values()].sort(
      (a, b) =>
        b.names.length - a.names.length || (a.refusal.predicate < b.refusal.predicate ? -1 : 1),
    );
  }
}
