import { AppError, isConflict } from '../../common/base/errors.js';
import type { KvClient, KvOperation } from './client.js';
import { isUncertain } from './failure.js';

/** Consul's index of the lock that a leader holds: as long as the key has it, the lock is held. */
export interface LockIndex {
  readonly key: string;
  readonly index: number;
}

export interface ClusterIdentity {
  readonly id: string;
  readonly name: string;
}

/** Raised when what is in Consul can no longer be read by an older manager. */
export const storeFormat = 1;

interface Meta {
  readonly format: number;
  readonly clusterId: string;
  readonly clusterName: string;
  /** Raised by everyone who opens the store, and after a write with an unknown outcome. */
  readonly epoch: number;
  /** Who opened it. */
  readonly owner: string;
}

const attempts = 5;
/** Nobody waits longer for a record to be raised: without a quorum it never is. */
const raiseMs = 5_000;
const stepMs = 2_000;

/**
 * Keeps everybody but the last one who opened a store from writing it. Every transaction checks the index
 * of the record this one wrote when it opened (and of the leader's lock, where there is one): a process
 * that was stopped and goes on, or a request that comes late, fails as `conflict`.
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
   * Takes the store at `key` over. `empty` tells whether there is nothing beside it: without a record, keys
   * that are there are not ours. Throws `conflict` when it is another cluster's or the lock is lost,
   * `unsupported` when a newer version wrote it, `internal` when it cannot be read.
   */
  static async take(
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
          `consul has ${foreign}, but no ${key}: the prefix is used by something else, choose another one or remove its keys`,
        );
      }
    }
    const meta = {
      format: storeFormat,
      clusterId: cluster.id,
      clusterName: cluster.name,
      epoch: before?.epoch ?? 0,
      owner,
    };
    const fence = new Fence(client, key, lock, { meta, index: entry?.index ?? 0 });
    await fence.raise();
    return fence;
  }

  /** Stand at the beginning of every transaction. */
  checks(): readonly KvOperation[] {
    return [...this.#lockCheck(), { verb: 'check-index', key: this.#key, index: this.#index }];
  }

  /** Rises with every `raise`: what was sent at an older one and refused may be sent again. */
  get epoch(): number {
    return this.#meta.epoch;
  }

  /**
   * Writes the record anew, after which nothing that was sent before can still be done. Throws `conflict`
   * when somebody else has opened the store, or holds the lock.
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
          stepMs,
        );
        this.#set(meta, done.get(this.#key));
        return;
      } catch (error) {
        if (!isUncertain(error) && !(isConflict(error) && attempt > 1)) throw lost(error);
        // An earlier attempt may have been done without our hearing of it.
        const entry = await this.#client.get(this.#key, stepMs);
        if (entry?.value.equals(value) === true) {
          this.#set(meta, entry.index);
          return;
        }
        const late = performance.now() - since > raiseMs;
        if (attempt === attempts || late || isConflict(error)) throw lost(error);
      }
    }
  }

  /** Whether nobody else has opened the store since. */
  async holds(): Promise<boolean> {
    return (await this.#client.get(this.#key))?.index === this.#index;
  }

  #lockCheck(): readonly KvOperation[] {
    if (this.#lock === undefined) return [];
    return [{ verb: 'check-index', key: this.#lock.key, index: this.#lock.index }];
  }

  #set(meta: Meta, index: number | undefined): void {
    if (index === undefined) throw new AppError('internal', 'consul did not tell the index');
    this.#meta = meta;
    this.#index = index;
  }
}

function lost(error: unknown): unknown {
  if (!isConflict(error)) return error;
  return new AppError('conflict', 'another manager has taken the store in consul over', {
    cause: error,
  });
}

/** The record of whoever opened the store; throws what `Fence.take` throws of it. */
export function readMeta(key: string, value: Buffer, cluster: ClusterIdentity): Meta {
  let meta: Partial<Meta>;
  try {
    meta = JSON.parse(value.toString()) as Partial<Meta>;
  } catch {
    meta = {};
  }
  const { format, clusterId, clusterName, epoch } = meta;
  if (
    typeof format !== 'number' ||
    typeof clusterId !== 'string' ||
    typeof clusterName !== 'string' ||
    typeof epoch !== 'number'
  ) {
    throw new AppError(
      'internal',
      `${key} in consul was not written by shoal: choose another prefix`,
    );
  }
  if (format > storeFormat) {
    throw new AppError(
      'unsupported',
      `${key} in consul has format ${format}, this version knows ${storeFormat}: run the newer version`,
    );
  }
  if (clusterId !== cluster.id) {
    throw new AppError(
      'conflict',
      `${key} in consul is of cluster ${clusterName} (${clusterId}), not of ${cluster.name} (${cluster.id}): choose another prefix`,
    );
  }
  return { format, clusterId, clusterName, epoch, owner: meta.owner ?? '' };
}
