import type { ClusterStore } from '../store/store.js';

/** Store writes since this manager became leader. */
export interface StoreCounters {
  /** Number of commits per writer: `scheduler`, `control`, … */
  readonly commits: ReadonlyMap<string, number>;
  readonly changes: number;
  /** Size of the backend on disk; undefined if it is not on this machine. */
  readonly bytes: number | undefined;
}

/** Counts the commits and changes of a store. */
export class StoreMeter {
  readonly #commits = new Map<string, number>();
  readonly #bytes: () => number | undefined;
  #changes = 0;

  constructor(store: ClusterStore, bytes: () => number | undefined) {
    this.#bytes = bytes;
    // Never unsubscribed: the store drops its watchers when it closes.
    store.watch(({ actor, changes }) => {
      this.#commits.set(actor, (this.#commits.get(actor) ?? 0) + 1);
      this.#changes += changes.length;
    });
  }

  get counters(): StoreCounters {
    return { commits: this.#commits, changes: this.#changes, bytes: this.#bytes() };
  }
}
