import type { Demand } from '../demand.js';
import type { Candidate } from '../node-set.js';
import { availabilityFilter } from './availability.js';
import { constraintsFilter } from './constraints.js';
import type { Filter, Refusal } from './filter.js';
import { maxReplicasFilter } from './max-replicas.js';
import { platformFilter } from './platform.js';
import { portsFilter } from './ports.js';
import { readyFilter } from './ready.js';
import { resourcesFilter } from './resources.js';

/** In the order in which a reader wants to hear of them: the first one that refuses is named. */
const filters: readonly Filter[] = [
  readyFilter,
  availabilityFilter,
  platformFilter,
  constraintsFilter,
  resourcesFilter,
  portsFilter,
  maxReplicasFilter,
];
const consuming = filters.filter((filter) => filter.consumes);

/** Undefined when the node fits. */
export function refusalOf(demand: Demand, candidate: Candidate): Refusal | undefined {
  for (const filter of filters) {
    const refusal = filter.check(demand, candidate);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

/** Asks again, of a node that fitted, only what placing a task there may have changed. */
export function stillFits(demand: Demand, candidate: Candidate): boolean {
  return consuming.every((filter) => filter.check(demand, candidate) === undefined);
}

/** How many named nodes a reason line has at most. */
const mostNames = 8;

/** Counts refusals and puts them into words. */
export class RefusalCount {
  readonly #counts = new Map<string, { readonly refusal: Refusal; readonly names: string[] }>();

  add(refusal: Refusal, candidate: Candidate): void {
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
    return this.#sorted().map(({ refusal, names }) => {
      const shown = names.slice(0, mostNames).join(', ');
      const more = names.length - mostNames;
      return `${refusal.count(names.length)}: ${shown}${more > 0 ? ` and ${String(more)} more` : ''}`;
    });
  }

  #sorted(): { readonly refusal: Refusal; readonly names: readonly string[] }[] {
    return [...this.#counts.values()].sort(
      (a, b) => b.names.length - a.names.length || (a.refusal.which < b.refusal.which ? -1 : 1),
    );
  }
}
