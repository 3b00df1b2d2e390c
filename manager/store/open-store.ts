import type { Clock } from '../common/base/clock.js';
import { AppError, messageOf } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import type { Origin } from './journal.js';
import type { Actor } from '../common/model/task-state.js';
import type { Backend, DurableWrite } from './backend.js';
import { durableWrite } from './durable.js';
import { TableView } from './query.js';
import type { ClusterStore, Commit, Companion, StoreChange, Transaction } from './store.js';
import { TableSet } from './tables.js';
import { TableTransaction } from './transaction.js';

export interface StoreOptions {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Updates that may wait for the disk; more are refused as `unavailable`. */
const maxWaiting = 100_000;

/**
 * Versions of observing writes never reach the disk, so a store that was opened again starts this far
 * above the highest it finds: no version is ever given out twice.
 */
const versionGap = 1_000_000;

interface Waiting {
  readonly actor: Actor;
  readonly change: (tx: Transaction) => unknown;
  readonly origin?: Origin | undefined;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface Done {
  readonly waiting: Waiting;
  readonly result: unknown;
  readonly commit: Commit | undefined;
}

/** Loads what the backend has and opens the store over it. */
export async function openStore(options: StoreOptions): Promise<ClusterStore> {
  const tables = new TableSet();
  let highest = 0;
  for (const { table, value } of await options.backend.load()) {
    const change = { table, id: (value as { id: string }).id, after: value } as StoreChange;
    tables.apply(change);
    highest = Math.max(highest, change.after?.version ?? 0);
  }
  return new WriteThroughStore(options, tables, highest === 0 ? 0 : highest + versionGap);
}

/**
 * One batch at a time: every update that waits runs on the tables, one after the other; the batch is
 * taken back out of the tables while the disk is written (nobody sees what is not durable) and put in
 * again afterwards. A batch that only observes stays in and touches no disk.
 */
class WriteThroughStore implements ClusterStore {
  readonly view: TableView;
  readonly #options: StoreOptions;
  readonly #tables: TableSet;
  /** With the index each one started at: it has seen that much in the view already. */
  readonly #listeners = new Map<(commit: Commit) => void, number>();
  readonly #companions = new Set<Companion>();
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
    origin?: Origin,
  ): Promise<Result> {
    if (this.#closed) return Promise.reject(new AppError('unavailable', 'the store is closed'));
    if (this.#waiting.length >= maxWaiting) {
      return Promise.reject(new AppError('unavailable', 'too many writes wait for the store'));
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

  accompany(companion: Companion): () => void {
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
    // Lets everything that is written in this turn of the event loop's microtasks join the batch.
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
    const asked = done.flatMap(({ commit }) => commit ?? []);
    const writes = [...durableWrites(asked)];
    const added = this.#accompanied(asked, index, writes.length > 0);
    done.push(...added);
    const commits = [...asked, ...added.flatMap(({ commit }) => commit ?? [])];
    index = commits.at(-1)?.index ?? index;
    writes.push(...durableWrites(commits.slice(asked.length)));
    if (writes.length > 0 && !(await this.#persist(commits, writes, done))) return;
    this.#index = index;
    for (const commit of commits) this.#tell(commit);
    for (const { waiting, result } of done) waiting.resolve(result);
  }

  /** What companions add to a batch. One that fails adds nothing and disturbs nobody. */
  #accompanied(commits: readonly Commit[], last: number, isDurable: boolean): readonly Done[] {
    if (commits.length === 0) return [];
    const added: Done[] = [];
    for (const companion of this.#companions) {
      const reject = (error: unknown): void => {
        this.#options.log.error(`store: a companion failed: ${messageOf(error)}`);
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
        changes.length === 0 ? undefined : { ...about(waiting), index: version, changes };
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
      this.#options.log.error(`store: writing failed: ${messageOf(error)}`);
      for (const { waiting } of done) waiting.reject(error);
      return false;
    }
    for (const change of changes) this.#tables.apply(change);
    return true;
  }

  #tell(commit: Commit): void {
    for (const [listener, since] of [...this.#listeners]) {
      try {
        if (commit.index > since) listener(commit);
      } catch (error) {
        this.#options.log.error(`store: a listener failed: ${messageOf(error)}`);
      }
    }
  }
}

function about({ actor, origin }: Waiting): Pick<Commit, 'actor' | 'origin'> {
  return origin === undefined ? { actor } : { actor, origin };
}

/** The last write of each object wins; the order of different objects means nothing to a backend. */
function durableWrites(commits: readonly Commit[]): readonly DurableWrite[] {
  const writes = new Map<string, DurableWrite>();
  for (const commit of commits) {
    for (const change of commit.changes) {
      const write = durableWrite(change);
      if (write !== undefined) writes.set(`${write.table}/${write.id}`, write);
    }
  }
  return [...writes.values()];
}
