import type { Clock } from '../common/base/clock.js';
import { messageOf } from '../common/base/errors.js';
import { KeyedLoop } from '../common/base/keyed-loop.js';
import type { Logger } from '../common/base/log.js';
import type { NewId } from '../common/base/random.js';
import type { ServiceId } from '../common/model/ids.js';
import type { ClusterStore, Commit, StoreView, Transaction } from '../store/store.js';
import type { OrchestratorKey } from './affected-services.js';
import { affectedKeys, allKeys, isServiceKey, unusedNetworksKey } from './affected-services.js';
import { writeTaskChanges } from './apply.js';
import type { TaskChange } from './task-change.js';
import { unusedNetworks, readServiceSnapshot, nodesById } from './read-snapshot.js';
import { reconcile } from './reconcile.js';
import type { ServiceSnapshot } from './service-snapshot.js';

type Context = Pick<ServiceSnapshot, 'nodes' | 'now'>;

export interface OrchestratorOptions {
  readonly store: ClusterStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly newId: NewId;
}

const resyncMs = 5 * 60_000;

/**
 * Keeps the slots of every service filled. Wakes for services affected by a commit and for due
 * waits.
 */
export class Orchestrator {
  readonly #options: OrchestratorOptions;
  readonly #loop: KeyedLoop<OrchestratorKey, Commit>;

  constructor(options: OrchestratorOptions) {
    this.#options = options;
    const { store, clock, log } = options;
    this.#loop = new KeyedLoop<OrchestratorKey, Commit>({
      name: 'orchestrator',
      clock,
      log,
      feed: { source: store, affected: (commit) => affectedKeys(store.view, commit) },
      resync: { everyMs: resyncMs, keys: () => allKeys(store.view) },
      reconcile: (keys) => this.#turn(keys),
    });
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  async #turn(keys: ReadonlySet<OrchestratorKey>): Promise<void> {
    const { store, clock } = this.#options;
    const hasUnusedNetworks = keys.has(unusedNetworksKey) && unusedNetworks(store.view).length > 0;
    const context = { nodes: nodesById(store.view), now: clock.now() };
    const changed = [...keys].filter(
      (key): key is ServiceId =>
        isServiceKey(key) && this.#decide(store.view, key, context).some(isWrite),
    );
    if (changed.length === 0 && !hasUnusedNetworks) return;
    await store.update('orchestrator', (tx) => {
      this.#write(tx, changed);
    });
  }

  /** Decides again inside the transaction, where concurrent writes are visible. */
  #write(tx: Transaction, ids: readonly ServiceId[]): void {
    const { newId } = this.#options;
    const context = { nodes: nodesById(tx), now: tx.now };
    for (const id of ids) writeTaskChanges(tx, id, this.#decide(tx, id, context), newId);
    for (const id of unusedNetworks(tx)) {
      for (const lease of tx.leasesOfNetwork(id)) tx.remove('leases', lease.id);
      tx.remove('networks', id);
    }
  }

  #decide(view: StoreView, id: ServiceId, context: Context): readonly TaskChange[] {
    const snapshot = readServiceSnapshot(view, id, context);
    let changes: readonly TaskChange[] = [];
    try {
      changes = snapshot === undefined ? [] : reconcile(snapshot);
    } catch (error) {
      // An error in one service must not block the others.
      this.#options.log.error(`orchestrator: cannot reconcile service ${id}: ${messageOf(error)}`);
    }
    this.#scheduleWakeup(id, changes, context.now);
    return changes;
  }

  #scheduleWakeup(id: ServiceId, changes: readonly TaskChange[], now: number): void {
    const due = changes.flatMap((change) => (change.kind === 'wait' ? [change.until] : []));
    this.#loop.markAfter(id, due.length === 0 ? undefined : Math.max(1, Math.min(...due) - now));
  }
}

function isWrite(change: TaskChange): boolean {
  return change.kind !== 'wait';
}
