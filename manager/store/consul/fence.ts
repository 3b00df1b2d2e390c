import { decodeJson, number, object, orElse, string } from '../../common/base/decode.js';
import { AppError, isConflict } from '../../common/base/errors.js';
import type { KvClient, KvOperation } from './client.js';
import { isUnknownOutcome } from './errors.js';

/** ModifyIndex of the leader's lock key; the lock is held as long as the key has this index. */
export interface LockIndex {
  readonly key: string;
  readonly index: number;
}

export interface ClusterIdentity {
  readonly id: string;
  readonly name: string;
}

/** Store format; incremented when older managers can no longer read the data in Consul. */
export const consulStoreFormat = 1;

interface Meta {
  readonly format: number;
  readonly clusterId: string;
  readonly clusterName: string;
  /**
   * Incremented by each process that opens the store, and after a write with an unknown outcome.
   */
  readonly epoch: number;
  /** Process that opened the store. */
  readonly owner: string;
}

const maxAttempts = 5;
/** Limit for raising the epoch; without a quorum it never succeeds. */
const raiseTimeoutMs = 5_000;
const requestTimeoutMs = 2_000;

/**
 * Fences off all writers but the last process that opened the store. Every transaction checks the
 * index of the meta record that this process wrote at open, and of the leader's lock if there is
 * one. Writes of a paused and resumed process, and delayed requests, fail as `conflict`.
 */
export class Fence {
  readonly #client: KvClient;
  readonly #key: string;
  readonly #lock: LockIndex | undefined;
  #meta: Meta;
  #index: number;
  #raising: Promise<void> | undefined;

  private constructor(
    client: KvClient,
    key: string,
    lock: LockIndex | undefined,
    at: { readonly meta: Meta; readonly index: number },
  ) {
    this.#client = client;
    this.#key = key;
    this.#lock = lock;
    this.#meta = at.meta;
    this.#index = at.index;
  }

  /**
   * Takes over the store with the meta record at `key`. `foreignKey` finds other keys under the
   * prefix: if the meta record is missing, they belong to another application. Throws `conflict` if
   * the store or prefix belongs to another owner or the lock is lost, `unsupported` if a newer
   * version wrote it, `internal` if the record is invalid.
   */
  static async acquire(
    client: KvClient,
    key: string,
    options: {
      readonly cluster: ClusterIdentity;
      readonly owner: string;
      readonly lock?: LockIndex | undefined;
      readonly foreignKey: () => Promise<string | undefined>;
    },
  ): Promise<Fence> {
    const entry = await client.get(key);
    const { cluster, owner, lock } = options;
    const before = entry === undefined ? undefined : readMeta(key, entry.value, cluster);
    if (before === undefined) {
      const foreign = await options.foreignKey();
      if (foreign !== undefined) {
        throw new AppError(
          'conflict',
          `consul has key ${foreign}, but no ${key}: another application uses the prefix; choose another prefix or remove its keys`,
        );
      }
    }
    const meta = {
      format: consulStoreFormat,
      clusterId: cluster.id,
      clusterName: cluster.name,
      epoch: before?.epoch ?? 0,
      owner,
    };
    const fence = new Fence(client, key, lock, { meta, index: entry?.index ?? 0 });
    await fence.raise();
    return fence;
  }

  /** Checks to put first in every transaction. */
  checks(): readonly KvOperation[] {
    return [...this.#lockCheck(), { verb: 'check-index', key: this.#key, index: this.#index }];
  }

  /** Incremented by `raise`. A transaction rejected at an older epoch can be sent again. */
  get epoch(): number {
    return this.#meta.epoch;
  }

  /**
   * Increments the epoch in the meta record, so that no earlier in-flight transaction can commit.
   * Throws `conflict` if another process has opened the store or holds the lock.
   */
  async raise(): Promise<void> {
    this.#raising ??= this.#raise().finally(() => {
      this.#raising = undefined;
    });
    await this.#raising;
  }

  async #raise(): Promise<void> {
    const meta = { ...this.#meta, epoch: this.#meta.epoch + 1 };
    const value = Buffer.from(JSON.stringify(meta));
    const since = performance.now();
    for (let attempt = 1; ; attempt += 1) {
      try {
        const done = await this.#client.transact(
          [...this.#lockCheck(), { verb: 'cas', key: this.#key, value, index: this.#index }],
          requestTimeoutMs,
        );
        this.#set(meta, done.get(this.#key));
        return;
      } catch (error) {
        if (!isUnknownOutcome(error) && !(isConflict(error) && attempt > 1)) throw takenOver(error);
        // An earlier attempt may have succeeded without a response.
        const entry = await this.#client.get(this.#key, requestTimeoutMs);
        if (entry?.value.equals(value) === true) {
          this.#set(meta, entry.index);
          return;
        }
        const isTimedOut = performance.now() - since > raiseTimeoutMs;
        if (attempt === maxAttempts || isTimedOut || isConflict(error)) throw takenOver(error);
      }
    }
  }

  /** Whether this process is still the last one that opened the store. */
  async isHeld(): Promise<boolean> {
    return (await this.#client.get(this.#key))?.index === this.#index;
  }

  #lockCheck(): readonly KvOperation[] {
    if (this.#lock === undefined) return [];
    return [{ verb: 'check-index', key: this.#lock.key, index: this.#lock.index }];
  }

  #set(meta: Meta, index: number | undefined): void {
    if (index === undefined)
      throw new AppError('internal', 'consul: transaction result has no index');
    this.#meta = meta;
    this.#index = index;
  }
}

function takenOver(error: unknown): unknown {
  if (!isConflict(error)) return error;
  return new AppError('conflict', 'consul store: another manager has taken over', {
    cause: error,
  });
}

const metaDecoder = object<Meta>({
  format: number,
  clusterId: string,
  clusterName: string,
  epoch: number,
  owner: orElse(string, ''),
});

function decodeMeta(key: string, value: Buffer): Meta {
  const source = `consul key ${key}`;
  try {
    return decodeJson(value.toString(), metaDecoder, source);
  } catch (error) {
    throw new AppError('internal', `${source}: was not written by shoal; choose another prefix`, {
      cause: error,
    });
  }
}

/**
 * Parses and validates the meta record. Throws `internal`, `unsupported` or `conflict` as
 * `Fence.acquire`.
 */
export function readMeta(key: string, value: Buffer, cluster: ClusterIdentity): Meta {
  const meta = decodeMeta(key, value);
  const { format, clusterId, clusterName } = meta;
  if (format > consulStoreFormat) {
    throw new AppError(
      'unsupported',
      `consul key ${key}: store format ${format} is newer than the supported format ${consulStoreFormat}; upgrade shoal`,
    );
  }
  if (clusterId !== cluster.id) {
    throw new AppError(
      'conflict',
      `consul key ${key}: belongs to cluster ${clusterName} (${clusterId}), not to ${cluster.name} (${cluster.id}); choose another prefix`,
    );
  }
  return meta;
}
