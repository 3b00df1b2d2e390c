import { AppError, isConflict, toAppError } from '../../common/base/errors.js';
import { newId } from '../../common/base/random.js';
import type { Backend, DurableWrite } from '../backend.js';
import type { KvClient, KvOperation } from './client.js';
import type { ClusterIdentity, LockIndex } from './fence.js';
import { Fence } from './fence.js';
import { isUncertain } from './failure.js';
import type { JournalCommit } from './journal.js';
import { commitOf, noBatch, packJournal, unpackJournal } from './journal.js';
import { journalCommitKey, journalPrefix, leaderKey, metaKey } from './keys.js';
import { inParallel, loadObjects } from './load.js';
import type { KnownKey } from './plan.js';
import { planWrites, splitOperations } from './plan.js';

export interface ConsulStoreOptions {
  readonly client: KvClient;
  /** First part of the keys; the cluster's name follows. */
  readonly prefix: string;
  readonly cluster: ClusterIdentity;
  /** Who opens it, for people who look. */
  readonly owner: string;
  /** The lock the leader holds; without it, whoever opened the store last may write. */
  readonly lock?: LockIndex;
}

type Records = Awaited<ReturnType<Backend['load']>>;

const appliesAtOnce = 4;
const attempts = 4;

/** Where a cluster's keys begin. */
export function rootOf(prefix: string, cluster: string): string {
  return `${prefix}/${cluster}/`;
}

/**
 * Opens a cluster's store in Consul and shuts everybody else out of it. Throws what `Fence.take` throws,
 * and `unavailable` or `forbidden` when Consul cannot be used. The client is closed with it.
 */
export async function openConsul(options: ConsulStoreOptions): Promise<Backend> {
  const { client, prefix, cluster, owner, lock } = options;
  const root = rootOf(prefix, cluster.name);
  await client.checkVersion();
  const fence = await Fence.take(client, root + metaKey, {
    cluster,
    owner,
    lock,
    foreignKey: async () => (await client.keys(root)).find((key) => key !== root + leaderKey),
  });
  return new ConsulBackend(client, root, fence);
}

/**
 * One key an object. A batch that fits one transaction is one transaction. A larger one is first written
 * whole to a journal, whose commit record makes it valid at one blow and acknowledges it; then it is
 * applied, and what a crash left unapplied is applied by the next one who loads. Each operation also checks
 * the index its key had, so that a change by hand is noticed instead of overwritten.
 */
class ConsulBackend implements Backend {
  readonly name = 'consul';
  readonly #client: KvClient;
  readonly #root: string;
  readonly #fence: Fence;
  #known = new Map<string, KnownKey>();
  /** The application of the last journal, under way or done. */
  #applying: Promise<void> = Promise.resolve();
  readonly lost: Promise<unknown>;
  /** Once what Consul has is not known any more, nothing is written until it is read again. */
  #lost: AppError | undefined;
  #tellLost: (error: AppError) => void = () => undefined;

  constructor(client: KvClient, root: string, fence: Fence) {
    this.#client = client;
    this.#root = root;
    this.#fence = fence;
    this.lost = new Promise((resolve) => {
      this.#tellLost = resolve;
    });
  }

  async load(): Promise<Records> {
    // A journal that is being applied here is nobody's leftover.
    await this.#applying;
    if (this.#lost !== undefined) throw this.#lost;
    const keys = await this.#client.keys(this.#root);
    const names = keys.map((key) => key.slice(this.#root.length));
    const recovered = await this.#recover(names);
    const loaded = await loadObjects(
      this.#client,
      this.#root,
      recovered ? await this.#client.keys(this.#root) : keys,
    );
    if (!(await this.#fence.holds())) {
      throw new AppError('conflict', 'another manager has taken the store in consul over');
    }
    const commit = this.#known.get(journalCommitKey);
    this.#known = loaded.known;
    if (commit !== undefined) this.#known.set(journalCommitKey, commit);
    await this.#sweep(loaded.leftovers);
    return loaded.records;
  }

  async commit(writes: readonly DurableWrite[]): Promise<void> {
    await this.#applying;
    if (this.#lost !== undefined) throw this.#lost;
    const operations = planWrites(writes, this.#known);
    if (operations.length === 0) return;
    const batches = splitOperations(operations);
    const [only] = batches;
    if (batches.length === 1 && only !== undefined) await this.#transact(only);
    else await this.#commitLarge(writes, batches);
  }

  async close(): Promise<void> {
    await this.#applying;
    this.#client.close();
  }

  async #commitLarge(
    writes: readonly DurableWrite[],
    batches: readonly (readonly KvOperation[])[],
  ): Promise<void> {
    const pieces = await packJournal(writes);
    const commit = commitOf(newId(), pieces);
    const sets = pieces.map((value, at): KvOperation => {
      return { verb: 'set', key: pieceKey(commit.batch, at), value };
    });
    const marked = this.#commitOperation(commit);
    const [only, ...more] = splitOperations([...sets, marked]);
    if (only !== undefined && more.length === 0) await this.#transact(only);
    else {
      await inParallel(splitOperations(sets), appliesAtOnce, (batch) => this.#transact(batch));
      await this.#transact([marked]);
    }
    this.#applying = this.#apply(commit, batches);
  }

  /** Never rejects: the batch is acknowledged already, only what comes after it fails. */
  async #apply(commit: JournalCommit, batches: readonly (readonly KvOperation[])[]): Promise<void> {
    try {
      await inParallel(batches, appliesAtOnce, (batch) => this.#transact(batch));
      await this.#endJournal(commit);
    } catch (error) {
      this.#lose(error);
    }
  }

  /** The record of the commit is never removed, only changed: a late copy of it then finds another index. */
  async #endJournal({ batch, pieces }: JournalCommit): Promise<void> {
    const removals = Array.from({ length: pieces }, (_, at): KvOperation => {
      return { verb: 'delete', key: pieceKey(batch, at) };
    });
    const operations = [this.#commitOperation(noBatch), ...removals];
    for (const part of splitOperations(operations)) await this.#transact(part);
  }

  #commitOperation(commit: JournalCommit): KvOperation {
    return {
      verb: 'cas',
      key: journalCommitKey,
      value: Buffer.from(JSON.stringify(commit)),
      index: this.#known.get(journalCommitKey)?.index ?? 0,
    };
  }

  /** Finishes what the journal says was committed. Returns whether keys have changed. */
  async #recover(names: readonly string[]): Promise<boolean> {
    const entry = await this.#client.get(this.#root + journalCommitKey);
    let commit = noBatch;
    if (entry !== undefined) {
      this.#known.set(journalCommitKey, entry);
      commit = JSON.parse(entry.value.toString()) as JournalCommit;
    }
    const stale = names.filter(
      (name) => name.startsWith(journalPrefix) && name !== journalCommitKey,
    );
    if (commit.batch !== '') await this.#redo(commit);
    await this.#sweep(stale);
    return commit.batch !== '' || stale.length > 0;
  }

  async #redo(commit: JournalCommit): Promise<void> {
    const pieces: Buffer[] = [];
    for (let at = 0; at < commit.pieces; at += 1) {
      const piece = await this.#client.get(this.#root + pieceKey(commit.batch, at));
      if (piece !== undefined) pieces.push(piece.value);
    }
    const writes = await unpackJournal(commit, pieces);
    // Part of it may have been applied: what the keys have now does not matter.
    const operations = writes.flatMap((write): readonly KvOperation[] => {
      if (write.value === undefined) {
        return [{ verb: 'delete', key: `${write.table}/${write.id}` }];
      }
      return planWrites([write], new Map()).map((operation) =>
        'value' in operation ? { ...operation, verb: 'set' } : operation,
      );
    });
    for (const batch of splitOperations(operations)) await this.#transact(batch);
    await this.#endJournal(commit);
  }

  async #sweep(names: readonly string[]): Promise<void> {
    const operations = names.map((key): KvOperation => ({ verb: 'delete', key }));
    for (const batch of splitOperations(operations)) await this.#transact(batch);
    for (const name of names) this.#known.delete(name);
  }

  /**
   * One transaction behind the fence. When its outcome is not known, the fence is raised, so that it can
   * no longer happen, and the keys tell whether it did.
   */
  async #transact(operations: readonly KvOperation[]): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const { epoch } = this.#fence;
      try {
        const sent = operations.map((operation) => this.#absolute(operation));
        const done = await this.#client.transact([...this.#fence.checks(), ...sent]);
        this.#remember(operations, (key) => done.get(this.#root + key));
        return;
      } catch (error) {
        // Refused for certain: it was not done, and what we know is as it was.
        if (isConflict(error) && this.#fence.epoch !== epoch) continue;
        if (!isUncertain(error)) throw isConflict(error) ? this.#lose(error) : error;
        if (attempt === attempts) throw this.#lose(error);
      }
      try {
        if (this.#fence.epoch === epoch) await this.#fence.raise();
        if (await this.#wasDone(operations)) return;
      } catch (error) {
        throw this.#lose(error);
      }
    }
  }

  async #wasDone(operations: readonly KvOperation[]): Promise<boolean> {
    const found = new Map<string, number>();
    const undone: string[] = [];
    await inParallel(operations, appliesAtOnce, async (operation) => {
      const entry = await this.#client.get(this.#root + operation.key);
      if (entry !== undefined) found.set(operation.key, entry.index);
      const wanted = 'value' in operation ? operation.value : undefined;
      if (wanted === undefined ? entry !== undefined : entry?.value.equals(wanted) !== true) {
        undone.push(operation.key);
      }
    });
    if (undone.length > 0) return false;
    this.#remember(operations, (key) => found.get(key));
    return true;
  }

  #remember(
    operations: readonly KvOperation[],
    indexOf: (key: string) => number | undefined,
  ): void {
    for (const operation of operations) {
      const { key } = operation;
      if (key.startsWith(journalPrefix) && key !== journalCommitKey) continue;
      if (!('value' in operation)) this.#known.delete(key);
      else this.#known.set(key, { index: indexOf(key) ?? 0, flags: operation.flags ?? 0 });
    }
  }

  #absolute(operation: KvOperation): KvOperation {
    return { ...operation, key: this.#root + operation.key };
  }

  #lose(error: unknown): AppError {
    const { kind, message } = toAppError(error);
    this.#lost ??=
      kind === 'conflict'
        ? new AppError('conflict', `the store in consul must be opened again: ${message}`, {
            cause: error,
          })
        : new AppError(
            'unavailable',
            `consul cannot be written: ${message}; what runs goes on, changes have to wait`,
          );
    this.#tellLost(this.#lost);
    return this.#lost;
  }
}

function pieceKey(batch: string, at: number): string {
  return `${journalPrefix}${batch}/${String(at)}`;
}
