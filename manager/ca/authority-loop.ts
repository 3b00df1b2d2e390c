import type { Clock } from '../common/base/clock.js';
import { KeyedLoop } from '../common/base/keyed-loop.js';
import type { Logger } from '../common/base/log.js';
import { updateClusterRecord } from '../store/cluster-record.js';
import type { ClusterRecord, ClusterStore, Commit } from '../store/store.js';
import type { Peer } from '../transport/peer.js';

export interface AuthorityLoopDependencies {
  readonly store: ClusterStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly workers: {
    peers(): ReadonlyMap<string, Peer>;
    requestRenewals(authority: string): void;
  };
}

export interface AuthorityLoopOptions {
  readonly name: string;
  /** Ids of the CAs to handle. */
  readonly authorities: (record: ClusterRecord) => readonly string[];
  /** One step of a CA's replacement; `in-use` while workers must renew their certificates. */
  readonly replace: (authority: string) => Promise<'in-use' | 'unused'>;
}

/** The CA of a worker's certificate is known from its session only, so that it is polled. */
const pollMs = 2_000;

/** Replaces CAs, keyed by id: takes a step for each, then asks the workers that use it to renew. */
export class AuthorityLoop {
  readonly #parts: AuthorityLoopDependencies;
  readonly #options: AuthorityLoopOptions;
  readonly #loop: KeyedLoop<string, Commit>;

  constructor(parts: AuthorityLoopDependencies, options: AuthorityLoopOptions) {
    this.#parts = parts;
    this.#options = options;
    const { store, clock, log } = parts;
    const all = (): readonly string[] => {
      const record = store.view.get('cluster', 'cluster');
      return record === undefined ? [] : options.authorities(record);
    };
    this.#loop = new KeyedLoop<string, Commit>({
      name: options.name,
      clock,
      log,
      feed: {
        source: store,
        affected: ({ changes }) => (changes.some(({ table }) => table === 'cluster') ? all() : []),
      },
      resync: { everyMs: pollMs, keys: all },
      reconcile: (authorities) => this.#turn(authorities),
    });
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  /** Writes a change of the cluster record. */
  async change(change: (record: ClusterRecord) => ClusterRecord): Promise<void> {
    await this.#parts.store.update('control', (tx) => {
      updateClusterRecord(tx, change);
    });
  }

  async #turn(authorities: ReadonlySet<string>): Promise<void> {
    for (const authority of authorities) {
      const use = await this.#options.replace(authority);
      if (use === 'in-use') this.#parts.workers.requestRenewals(authority);
    }
  }
}
