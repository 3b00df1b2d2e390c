import type { ClusterStore } from '../store/store.js';

/** What has been written since this manager began to lead. */
export interface StoreFigures {
  /** By who wrote: `scheduler`, `control`, … */
  readonly commits: ReadonlyMap<string, number>;
  readonly changes: number;
  /** Of the backend's file; undefined where it has none here. */
  readonly bytes: number | undefined;
}

/** Counts commits as they come by. */
export class StoreMeter {
  readonly #commits = new Map<string, number>();
  readonly #bytes: () => number | undefined;
  #changes = 0;

  constructor(store: ClusterStore, bytes: () => number | undefined) {
    this.#bytes = bytes;
    // As long as the store lives: its watchers end with it.
    store.watch(({ actor, changes }) => {
      this.#commits.set(actor, (this.#commits.get(actor) ?? 0) + 1);
      this.#changes += changes.length;
    });
  }

  get figures(): StoreFigures {
    return { commits: this.#commits, changes: this.#changes, bytes: this.#bytes() };
  }
}
