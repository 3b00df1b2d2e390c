import type { Candidate } from '../candidates.js';
import type { Refusal } from './filter.js';

/** Maximum number of node names in a reason line. */
const maxNames = 8;

interface RefusedNodes {
  readonly refusal: Refusal;
  /** The first of them. */
  readonly names: string[];
  nodes: number;
}

/** Counts refusals by reason and describes them. */
export class RefusalCount {
  readonly #counts = new Map<string, RefusedNodes>();
  /** Cached reason lines, shared by every task of a group. */
  #lines: readonly string[] | undefined;

  copy(): RefusalCount {
    const copy = new RefusalCount();
    for (const [key, { refusal, names, nodes }] of this.#counts) {
      copy.#counts.set(key, { refusal, names: [...names], nodes });
    }
    return copy;
  }

  add(refusal: Refusal, candidate: Candidate): void {
    this.#lines = undefined;
    let entry = this.#counts.get(refusal.predicate);
    if (entry === undefined) {
      entry = { refusal, names: [], nodes: 0 };
      this.#counts.set(refusal.predicate, entry);
    }
    entry.nodes += 1;
    if (entry.names.length === maxNames) return;
    const { name } = candidate.node.spec;
    const amounts = refusal.amounts?.();
    entry.names.push(amounts === undefined ? name : `${name} (${amounts.free})`);
  }

  /** `insufficient memory on 3 nodes, node.labels.disk != ssd on 2 nodes`, most frequent first. */
  summary(): string {
    return this.#sorted()
      .map(({ refusal, nodes }) => refusal.count(nodes))
      .join(', ');
  }

  /** Reasons for a task restricted to few nodes: `is down or has insufficient memory`. */
  predicates(): string {
    return this.#sorted()
      .map(({ refusal: { predicate, amounts }, nodes }) => {
        if (amounts === undefined || nodes > 1) return predicate;
        const { requested, free } = amounts();
        return `${predicate} (${requested}, ${free})`;
      })
      .join(' or ');
  }

  /** One line per reason, with the names of the nodes. */
  lines(): readonly string[] {
    this.#lines ??= this.#sorted().map(({ refusal, names, nodes }) => {
      const amounts = refusal.amounts?.();
      const requested = amounts === undefined ? '' : ` (${amounts.requested})`;
      const more = nodes > names.length ? ` and ${String(nodes - names.length)} more` : '';
      return `${refusal.count(nodes)}${requested}: ${names.join(', ')}${more}`;
    });
    return this.#lines;
  }

  #sorted(): readonly RefusedNodes[] {
    return [...this.#counts.values()].sort(
      (a, b) => b.nodes - a.nodes || (a.refusal.predicate < b.refusal.predicate ? -1 : 1),
    );
  }
}
