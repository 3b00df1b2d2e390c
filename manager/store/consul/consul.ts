import { AppError, isConflict, toAppError } from '../../common/base/errors.js';
import { newId } from '../../common/base/random.js';
import type { StoreBackend, DurableWrite } from '../backend.js';
import type { KvClient, KvOperation } from './client.js';
import type { ClusterIdentity, LockIndex } from './fence.js';
import { Fence } from './fence.js';
import { isUnknownOutcome } from './errors.js';
import type { JournalCommit } from './journal.js';
import {
  decodeJournalCommit,
  emptyJournalCommit,
  journalCommitOf,
  packJournal,
  unpackJournal,
} from './journal.js';
import { journalCommitKey, journalPrefix, leaderKey, metaKey } from './keys.js';
import { forEachConcurrent, loadObjects } from './load.js';
import type { KnownKey } from './plan.js';
import { planWrites, splitOperations } from './plan.js';

export interface ConsulStoreOptions {
  readonly client: KvClient;
  /** Key prefix; the cluster's name follows. */
  readonly prefix: string;
  readonly cluster: ClusterIdentity;
  /** Name of the process that opens the store, for diagnosis. */
  readonly owner: string;
  /** Lock held by the leader; without it, the process that opened the store last may write. */
  readonly lock?: LockIndex;
}

type Records = Awaited<ReturnType<StoreBackend['load']>>;

const concurrency = 4;
const maxAttempts = 4;

/** Key prefix of a cluster, with trailing slash. */
export function clusterKeyPrefix(prefix: string, cluster: string): string {
  return `${prefix}/${cluster}/`;
}

/**
 * Opens a cluster's store in Consul and fences off all earlier writers. Throws the errors of
 * `Fence.acquire`, and `unavailable` or `forbidden` if Consul is unusable. Closing the store closes
 * the client.
 */
export async function openConsul(options: ConsulStoreOptions): Promise<StoreBackend> {
  const { client, prefix, cluster, owner, lock } = options;
  const root = clusterKeyPrefix(prefix, cluster.name);
  await client.checkVersion();
  const fence = await Fence.acquire(client, root + metaKey, {
    cluster,
    owner,
    lock,
    foreignKey: async () => (await client.keys(root)).find((key) => key !== root + leaderKey),
  });
  return new ConsulBackend(client, root, fence);
}

/**
 * Backend with one key per object. A batch that fits one transaction is committed directly. A
 * larger batch is first written to a journal; the journal's commit record commits and acknowledges
 * it atomically. It is then applied; after a crash the next `load` applies the rest. Each operation
 * also checks its key's last known index, so that manual changes are detected instead of
 * overwritten.
 */
class ConsulBackend implements StoreBackend {
  readonly name = 'consul';
  readonly #client: KvClient;
  readonly #root: string;
  readonly #fence: Fence;
  #known = new Map<string, KnownKey>();
  /** Application of the last journal; settled once it is complete. */
  #applying: Promise<void> = Promise.resolve();
  readonly lost: Promise<unknown>;
  /** Set once Consul's contents are unknown; rejects all writes until the store is reopened. */
  #lost: AppError | undefined;
  #resolveLost: (error: AppError) => void = () => undefined;

  constructor(client: KvClient, root: string, fence: Fence) {
    this.#client = client;
    this.#root = root;
    this.#fence = fence;
    this.lost = new Promise((resolve) => {
      this.#resolveLost = resolve;
    });
  }

  async load(): Promise<Records> {
    // Wait for a journal this process is applying, so that recovery does not treat it as a
    // leftover.
    await this.#applying;
    if (this.#lost !== undefined) throw this.#lost;
    const keys = await this.#client.keys(this.#root);
    const names = keys.map((key) => key.slice(this.#root.length));
    const hasChanged = await this.#recover(names);
    const loaded = await loadObjects(
      this.#client,
      this.#root,
      hasChanged ? await this.#client.keys(this.#root) : keys,
    );
    if (!(await this.#fence.isHeld())) {
      throw new AppError('conflict', 'consul store: another manager has taken over');
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
    const commit = journalCommitOf(newId(), pieces);
    const sets = pieces.map((value, at): KvOperation => {
      return { verb: 'set', key: pieceKey(commit.batch, at), value };
    });
    const marked = this.#commitOperation(commit);
    const [only, ...more] = splitOperations([...sets, marked]);
    if (only !== undefined && more.length === 0) await this.#transact(only);
    else {
      await forEachConcurrent(splitOperations(sets), concurrency, (batch) => this.#transact(batch));
      await this.#transact([marked]);
    }
    this.#applying = this.#apply(commit, batches);
  }

  /**
   * Applies a committed journal. Never rejects: the batch is acknowledged, so later commits fail.
   */
  async #apply(commit: JournalCommit, batches: readonly (readonly KvOperation[])[]): Promise<void> {
    try {
      await forEachConcurrent(batches, concurrency, (batch) => this.#transact(batch));
      await this.#endJournal(commit);
    } catch (error) {
      this.#lose(error);
    }
  }

  /**
   * Clears the journal. The commit record is reset, not deleted, so that a late duplicate fails its
   * cas.
   */
  async #endJournal({ batch, pieces }: JournalCommit): Promise<void> {
    const removals = Array.from({ length: pieces }, (_, at): KvOperation => {
      return { verb: 'delete', key: pieceKey(batch, at) };
    });
    const operations = [this.#commitOperation(emptyJournalCommit), ...removals];
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

  /** Replays a committed journal and removes stale pieces. Returns whether any keys changed. */
  async #recover(names: readonly string[]): Promise<boolean> {
    const entry = await this.#client.get(this.#root + journalCommitKey);
    let commit = emptyJournalCommit;
    if (entry !== undefined) {
      this.#known.set(journalCommitKey, entry);
      commit = decodeJournalCommit(this.#root + journalCommitKey, entry.value);
    }
    const stale = names.filter(
      (name) => name.startsWith(journalPrefix) && name !== journalCommitKey,
    );
    if (commit.batch !== '') await this.#replay(commit);
    await this.#sweep(stale);
    return commit.batch !== '' || stale.length > 0;
  }

  async #replay(commit: JournalCommit): Promise<void> {
    const pieces: Buffer[] = [];
    for (let at = 0; at < commit.pieces; at += 1) {
      const piece = await this.#client.get(this.#root + pieceKey(commit.batch, at));
      if (piece !== undefined) pieces.push(piece.value);
    }
    const writes = await unpackJournal(commit, pieces);
    // Part of the batch may already be applied, so write unconditionally.
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
   * One fenced transaction. After an unknown outcome the fence is raised, so that the transaction
   * can no longer commit, and the keys are read to find out whether it did.
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
        // Rejected at an outdated epoch: not executed, retry with the current fence.
        if (isConflict(error) && this.#fence.epoch !== epoch) continue;
        if (!isUnknownOutcome(error)) throw isConflict(error) ? this.#lose(error) : error;
        if (attempt === maxAttempts) throw this.#lose(error);
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
    const missing: string[] = [];
    await forEachConcurrent(operations, concurrency, async (operation) => {
      const entry = await this.#client.get(this.#root + operation.key);
      if (entry !== undefined) found.set(operation.key, entry.index);
      const wanted = 'value' in operation ? operation.value : undefined;
      if (wanted === undefined ? entry !== undefined : entry?.value.equals(wanted) !== true) {
        missing.push(operation.key);
      }
    });
    if (missing.length > 0) return false;
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
        ? new AppError('conflict', `consul store must be reopened: ${message}`, {
            cause: error,
          })
        : new AppError(
            'unavailable',
            `consul store cannot be written: ${message}; containers keep running, retry changes later`,
          );
    this.#resolveLost(this.#lost);
    return this.#lost;
  }
}

function pieceKey(batch: string, at: number): string {
  return `${journalPrefix}${batch}/${String(at)}`;
}
