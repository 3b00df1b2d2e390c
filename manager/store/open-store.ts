import type { Clock } from '../common/base/clock.js';
import { decode } from '../common/base/decode.js';
import { AppError, messageOf } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import type { AuditOrigin } from './journal.js';
import type { Actor } from '../common/model/task-state.js';
import type { StoreBackend, DurableWrite } from './backend.js';
import { idOf } from './backend.js';
import { toDurableWrite } from './durable.js';
import { TableView } from './query.js';
import type { ClusterStore, Commit, BatchHook, StoreChange, Transaction } from './store.js';
import { tableDefinition } from './table-definitions.js';
import { TableSet } from './tables.js';
import { TableTransaction } from './transaction.js';

export interface StoreOptions {
  readonly backend: StoreBackend;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Limit of updates queued for the backend; further ones are rejected as `unavailable`. */
const maxWaiting = 100_000;

/**
 * Versions of observations never reach the disk. A reopened store therefore starts this far above
 * the highest stored version, so that no version is ever reused.
 */
const versionGap = 1_000_000;

interface Waiting {
  readonly actor: Actor;
  readonly change: (tx: Transaction) => unknown;
  readonly origin?: AuditOrigin | undefined;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface Done {
  readonly waiting: Waiting;
  readonly result: unknown;
  readonly commit: Commit | undefined;
}

const remedy = 'use the version of shoal that wrote it, or restore a backup';

/**
 * Opens the store: loads all objects of the backend into memory. Throws `invalid` that names object
 * and field if one is malformed.
 */
export async function openStore(options: StoreOptions): Promise<ClusterStore> {
  const tables = new TableSet();
  let highest = 0;
  for (const { table, value } of await options.backend.load()) {
    const source = `store: ${table}/${idOf(value)}`;
    const after = decode(value, tableDefinition(table).decoder, source, remedy);
    tables.apply({ table, id: after.id, after } as StoreChange);
    highest = Math.max(highest, after.version);
  }
  return new WriteThroughStore(options, tables, highest === 0 ? 0 : highest + versionGap);
}

/**
 * Commits one batch at a time. All queued updates run on the tables in order; the batch is then
 * reverted during the backend write, so readers never see undurable state, and reapplied
 * afterwards. A batch of observations only is not reverted and skips the backend.
 */
class WriteThroughStore implements ClusterStore {
  readonly view: TableView;
  readonly #options: StoreOptions;
  readonly #tables: TableSet;
  /** Listeners with the index at registration; commits up to it are already in the view. */
  readonly #listeners = new Map<(commit: Commit) => void, number>();
  readonly #companions = new Set<BatchHook>();
  #index: number;
  #waiting: Waiting[] = [];
  #working: Promise<void> | undefined;
  #closed = false;

  constructor(options: StoreOptions, tables: TableSet, index: number) {
    this.#options = options;
    this.#tables = tables;
    this.#index = index;
    this.view = new TableView(tables, () => this.#index);
  }

  update<Result>(
    actor: Actor,
    change: (tx: Transaction) => Result,
    origin?: AuditOrigin,
  ): Promise<Result> {
    if (this.#closed) return Promise.reject(new AppError('unavailable', 'store is closed'));
    if (this.#waiting.length >= maxWaiting) {
      return Promise.reject(
        new AppError('unavailable', `store: ${maxWaiting} updates are queued; retry later`),
      );
    }
    return new Promise<Result>((resolve, reject) => {
      const done = resolve as (result: unknown) => void;
      this.#waiting.push({ actor, change, origin, resolve: done, reject });
      this.#working ??= this.#work();
    });
  }

  watch(listener: (commit: Commit) => void): () => void {
    this.#listeners.set(listener, this.#index);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  addBatchHook(companion: BatchHook): () => void {
    this.#companions.add(companion);
    return () => {
      this.#companions.delete(companion);
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#working;
    await this.#options.backend.close();
  }

  async #work(): Promise<void> {
    // Yield once, so that updates of the same microtask turn join the batch.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      await this.#runBatch(batch);
    }
    this.#working = undefined;
  }

  async #runBatch(batch: readonly Waiting[]): Promise<void> {
    const done: Done[] = [];
    let index = this.#index;
    for (const waiting of batch) {
      const finished = this.#run(waiting, index + 1);
      if (finished === undefined) continue;
      if (finished.commit !== undefined) index = finished.commit.index;
      done.push(finished);
    }
    const requested = done.flatMap(({ commit }) => commit ?? []);
    const writes = [...durableWrites(requested)];
    const added = this.#runCompanions(requested, index, writes.length > 0);
    done.push(...added);
    const commits = [...requested, ...added.flatMap(({ commit }) => commit ?? [])];
    index = commits.at(-1)?.index ?? index;
    writes.push(...durableWrites(commits.slice(requested.length)));
    if (writes.length > 0 && !(await this.#persist(commits, writes, done))) return;
    this.#index = index;
    for (const commit of commits) this.#notify(commit);
    for (const { waiting, result } of done) waiting.resolve(result);
  }

  /** Runs the batch hooks and returns their transactions. A failing hook adds nothing. */
  #runCompanions(commits: readonly Commit[], last: number, isDurable: boolean): readonly Done[] {
    if (commits.length === 0) return [];
    const added: Done[] = [];
    for (const companion of this.#companions) {
      const reject = (error: unknown): void => {
        this.#options.log.error(`store: batch hook failed: ${messageOf(error)}`);
      };
      try {
        const change = companion(commits, isDurable);
        if (change === undefined) continue;
        const waiting = { actor: 'control', change, resolve: () => undefined, reject } as const;
        const finished = this.#run(waiting, last + added.length + 1);
        if (finished !== undefined) added.push(finished);
      } catch (error) {
        reject(error);
      }
    }
    return added;
  }

  #run(waiting: Waiting, version: number): Done | undefined {
    const tx = new TableTransaction(this.#tables, {
      actor: waiting.actor,
      version,
      now: this.#options.clock.now(),
    });
    try {
      const result = waiting.change(tx);
      const changes = tx.seal();
      const commit =
        changes.length === 0 ? undefined : { ...authorOf(waiting), index: version, changes };
      return { waiting, result, commit };
    } catch (error) {
      tx.undo();
      waiting.reject(error);
      return undefined;
    }
  }

  async #persist(
    commits: readonly Commit[],
    writes: readonly DurableWrite[],
    done: readonly Done[],
  ): Promise<boolean> {
    const changes = commits.flatMap((commit) => commit.changes);
    for (const change of changes.toReversed()) this.#tables.revert(change);
    try {
      await this.#options.backend.commit(writes);
    } catch (error) {
      this.#options.log.error(`store: commit failed: ${messageOf(error)}`);
      for (const { waiting } of done) waiting.reject(error);
      return false;
    }
    for (const change of changes) this.#tables.apply(change);
    return true;
  }

  #notify(commit: Commit): void {
    for (const [listener, since] of [...this.#listeners]) {
      try {
        if (commit.index > since) listener(commit);
      } catch (error) {
        this.#options.log.error(`store: watch listener failed: ${messageOf(error)}`);
      }
    }
  }
}

function authorOf({ actor, origin }: Waiting): Pick<Commit, 'actor' | 'origin'> {
  return origin === undefined ? { actor } : { actor, origin };
}

/** Collects the last write of each object; backends ignore the order of different objects. */
function durableWrites(commits: readonly Commit[]): readonly DurableWrite[] {
  const writes = new Map<string, DurableWrite>();
  for (const commit of commits) {
    for (const change of commit.changes) {
      const write = toDurableWrite(change);
      if (write !== undefined) writes.set(`${write.table}/${write.id}`, write);
    }
  }
  return [...writes.values()];
}
