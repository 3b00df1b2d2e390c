import type { Bound, Demand } from '../demand.js';
import { wantedPorts } from '../../store/indexes/used-ports.js';
import type { Candidate } from '../candidates.js';
import type { NodeSet } from '../node-set.js';
import { availabilityFilter } from './availability.js';
import { constraintsFilter } from './constraints.js';
import type { NodeFilter, Refusal } from './filter.js';
import { maxReplicasFilter } from './max-replicas.js';
import { platformFilter } from './platform.js';
import { podFilter } from './pod.js';
import { portsFilter } from './ports.js';
import { readyFilter } from './ready.js';
import { RefusalCount } from './refusal-count.js';
import { resourcesFilter } from './resources.js';
import { containerSlotsFilter, swarmExpressionsFilter } from './swarm-expressions.js';

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
  swarmExpressionsFilter,
  containerSlotsFilter,
];

/**
 * Suitable nodes, and the reasons for the others: each node counts for the first filter it fails.
 */
export interface FilterResult {
  readonly fitting: readonly Candidate[];
  readonly refusals: RefusalCount;
}

/** Filters nodes for one decision. */
export class FilterPipeline {
  readonly #set: NodeSet;
  /** Results without a fitting node. They hold for the whole decision, which only uses up room. */
  readonly #unfit = new Map<string, FilterResult>();

  constructor(set: NodeSet) {
    this.#set = set;
  }

  filter(demand: Demand): FilterResult {
    const { bound } = demand;
    if (bound !== undefined) {
      const { fitting, refusals } = applyFilters(staticFilters, demand, boundTo(bound, this.#set));
      return filterDynamic(demand, fitting, refusals);
    }
    const key = staticKey(demand);
    const needs = roomKey(demand);
    const known = needs === undefined ? undefined : this.#unfit.get(key + needs);
    if (known !== undefined) return known;
    const { candidates } = this.#set;
    const { ranks, refusals } = staticResult(demand, key, this.#set);
    const result = filterDynamic(demand, candidatesOf(ranks, candidates), refusals);
    if (needs !== undefined && result.fitting.length === 0) this.#unfit.set(key + needs, result);
    return result;
  }
}

/** Result of the filters that no placement affects. */
interface StaticResult {
  /** Ranks of the nodes that fit. */
  readonly ranks: readonly number[];
  readonly refusals: RefusalCount;
}

/** Kept for the nodes as they are: one for each pair of constraints and platform. */
const staticResults = new WeakMap<object, Map<string, StaticResult>>();
const maxStaticResults = 100;

function staticResult(demand: Demand, key: string, set: NodeSet): StaticResult {
  let results = staticResults.get(set.generation);
  if (results === undefined || results.size >= maxStaticResults) {
    results = new Map();
    staticResults.set(set.generation, results);
  }
  let result = results.get(key);
  if (result === undefined) {
    const { fitting, refusals } = applyFilters(staticFilters, demand, set.candidates);
    result = { ranks: fitting.map(({ rank }) => rank), refusals };
    results.set(key, result);
  }
  return result;
}

function* candidatesOf(ranks: readonly number[], all: readonly Candidate[]): Iterable<Candidate> {
  for (const rank of ranks) {
    const candidate = all[rank];
    if (candidate !== undefined) yield candidate;
  }
}

function filterDynamic(
  demand: Demand,
  candidates: Iterable<Candidate>,
  before: RefusalCount,
): FilterResult {
  const fitting: Candidate[] = [];
  let refusals: RefusalCount | undefined;
  for (const candidate of candidates) {
    const refusal = firstRefusal(dynamicFilters, demand, candidate);
    if (refusal === undefined) {
      fitting.push(candidate);
    } else {
      refusals ??= before.copy();
      refusals.add(refusal, candidate);
    }
  }
  return { fitting, refusals: refusals ?? before };
}

/** Equal for demands with the same results of the static filters. */
function staticKey({ constraints, platform }: Demand): string {
  return JSON.stringify([constraints, platform]);
}

/** Equal for demands for the same room on a node; undefined if that depends on the service too. */
function roomKey({ task, followers }: Demand): string | undefined {
  const { placement, resources, container } = task.spec;
  // Its expressions ask for other tasks, and only clients' containers take the slots of a node.
  if (container.origin !== undefined) return undefined;
  if (placement.maxReplicasPerNode > 0 || followers.length > 0) return undefined;
  return JSON.stringify([resources.reservations, wantedPorts(task)]);
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
