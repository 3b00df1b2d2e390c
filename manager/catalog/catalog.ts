import type { Clock } from '../common/base/clock.js';
import { KeyedLoop } from '../common/base/keyed-loop.js';
import type { Logger } from '../common/base/log.js';
import type { Catalog, CatalogEntries } from '../store/catalog.js';
import type { ClusterStore, Commit } from '../store/store.js';
import type { CatalogCluster } from './decide.js';
import { applyCatalogOperations, catalogName, decideCatalog } from './decide.js';

export interface CatalogSyncOptions {
  readonly store: ClusterStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly catalog: Catalog;
  readonly cluster: CatalogCluster;
}

/** Delay that batches the changes of a deployment: a few requests instead of hundreds. */
const settleMs = 150;
/** Interval of full reads, ms: entries may have been changed by hand. */
const resyncMs = 60_000;

/** Keys of the loop: changed nodes or tasks, and the full read of the catalog. */
type CatalogKey = 'changes' | 'full read';

/**
 * Registers nodes and running tasks in a service catalog (Consul) for other programs. Reads the
 * catalog once and then continues from its own writes. Resyncs every minute and after every
 * failure, so that one turn repairs the entries after an outage of the catalog.
 */
export class CatalogSync {
  readonly #options: CatalogSyncOptions;
  readonly #loop: KeyedLoop<CatalogKey, Commit>;
  #seen: CatalogEntries | undefined;
  #warned = new Set<string>();

  constructor(options: CatalogSyncOptions) {
    this.#options = options;
    const { store, clock, log } = options;
    this.#loop = new KeyedLoop<CatalogKey, Commit>({
      name: 'catalog',
      clock,
      log,
      debounceMs: settleMs,
      feed: {
        source: store,
        affected: ({ changes }) =>
          changes.some(({ table }) => table === 'tasks' || table === 'nodes') ? ['changes'] : [],
      },
      resync: { everyMs: resyncMs, keys: () => ['full read'] },
      reconcile: (keys) => this.#turn(keys),
    });
  }

  start(): void {
    this.#loop.start();
  }

  /**
   * Stops without removing entries: tasks keep running and the next leader maintains the entries.
   */
  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  async #turn(keys: ReadonlySet<CatalogKey>): Promise<void> {
    const { store, catalog, cluster } = this.#options;
    const known = keys.has('full read') ? undefined : this.#seen;
    const seen = known ?? (await catalog.read());
    this.#warnOfConflicts(seen);
    const operations = decideCatalog(store.view, seen, cluster);
    // A failed write leaves the entries unknown: the retry reads them.
    this.#seen = undefined;
    if (operations.length > 0) await catalog.apply(operations);
    this.#seen = applyCatalogOperations(seen, operations);
  }

  /** Warns once for each node whose catalog name is taken. */
  #warnOfConflicts(seen: CatalogEntries): void {
    const { store, log, cluster } = this.#options;
    for (const { spec } of store.view.list('nodes')) {
      const name = catalogName(cluster, spec.name);
      if (!seen.foreign.has(name) || seen.nodes.has(name) || this.#warned.has(name)) continue;
      this.#warned.add(name);
      log.warn(
        `catalog: node ${name} is registered by another owner; node ${spec.name} is not listed`,
      );
    }
  }
}
