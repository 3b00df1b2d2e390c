import type { Clock } from '../common/base/clock.js';
import type { Logger } from '../common/base/log.js';
import { Loop } from '../common/base/loop.js';
import type { Catalog, CatalogEntries } from '../store/catalog.js';
import type { ClusterStore } from '../store/store.js';
import type { CatalogCluster } from './decide.js';
import { afterwards, catalogName, decideCatalog } from './decide.js';

export interface CatalogKeeperOptions {
  readonly store: ClusterStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly catalog: Catalog;
  readonly cluster: CatalogCluster;
}

/** Gathers what a deployment changes: some requests in place of hundreds. */
const settleMs = 150;
/** Somebody may have changed our entries by hand. */
const readAgainMs = 60_000;

/**
 * Keeps nodes and running tasks in a catalog that other programs read. Observes it once, then goes on from
 * what it wrote, and observes again from time to time and after every failure: an outage of the catalog
 * ends with one turn that makes good whatever was missed.
 */
export class CatalogKeeper {
  readonly #options: CatalogKeeperOptions;
  readonly #loop: Loop;
  #seen: CatalogEntries | undefined;
  #warned = new Set<string>();
  #stopWatching: (() => void) | undefined;

  constructor(options: CatalogKeeperOptions) {
    this.#options = options;
    const { clock, log } = options;
    this.#loop = new Loop({
      name: 'catalog',
      clock,
      log,
      turn: () => this.#turn(),
      settleMs,
      full: {
        everyMs: readAgainMs,
        mark: () => {
          this.#seen = undefined;
        },
      },
    });
  }

  start(): void {
    this.#stopWatching = this.#options.store.watch(({ changes }) => {
      if (changes.some(({ table }) => table === 'tasks' || table === 'nodes')) this.#loop.poke();
    });
    this.#loop.start();
  }

  /** Entries stay: what runs goes on, and the next leader keeps them. */
  async stop(): Promise<void> {
    this.#stopWatching?.();
    await this.#loop.stop();
  }

  async #turn(): Promise<void> {
    const { store, catalog, cluster } = this.#options;
    const seen = this.#seen ?? (await catalog.read());
    this.#warnOf(seen);
    const operations = decideCatalog(store.view, seen, cluster);
    this.#seen = undefined;
    if (operations.length > 0) await catalog.apply(operations);
    this.#seen = afterwards(seen, operations);
  }

  /** Once for each node whose name is taken. */
  #warnOf(seen: CatalogEntries): void {
    const { store, log, cluster } = this.#options;
    for (const { spec } of store.view.list('nodes')) {
      const name = catalogName(cluster, spec.name);
      if (!seen.foreign.has(name) || seen.nodes.has(name) || this.#warned.has(name)) continue;
      this.#warned.add(name);
      log.warn(`catalog: node ${name} belongs to somebody else: ${spec.name} is not listed`);
    }
  }
}
