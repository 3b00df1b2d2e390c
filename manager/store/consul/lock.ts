import { setTimeout as pause } from 'node:timers/promises';
import { decodeJson, nonEmptyString, object, string } from '../../common/base/decode.js';
import { AppError, messageOf } from '../../common/base/errors.js';
import type { Logger } from '../../common/base/log.js';
import type { HeldLock, Leader, LeaderLock } from '../election.js';
import type { ConsulClient, KvEntry } from './client.js';
import { clusterKeyPrefix } from './consul.js';
import { leaderKey } from './keys.js';
import { ManagerCheck } from './manager-check.js';

export interface ConsulLockOptions {
  readonly client: ConsulClient;
  readonly log: Logger;
  readonly prefix: string;
  /** Cluster name. */
  readonly cluster: string;
  readonly clusterId: string;
  readonly self: Leader;
  /** Monotonic time, ms; `performance.now` by default. */
  readonly elapsed?: () => number;
}

/** A holder whose health check has not reached Consul for this long gives up the lock. */
const checkTimeoutMs = 3_000;
/**
 * A holder that cannot read the lock for this long gives it up; longer than an election of Consul.
 */
const readTimeoutMs = 10_000;
const watchMs = 10_000;
const retryMs = 50;
/**
 * Session TTL for a holder whose agent is partitioned from Consul's leader: it cannot write, but
 * its check does not fail at the leader either. 10 s is Consul's default minimum; expiry takes up
 * to twice as long.
 */
const sessionTtl = '10s';
const renewMs = 2_000;
/** Time to retry session creation until the new check has reached the catalog. */
const sessionRetryMs = 4_000;

/**
 * Leader lock in Consul: a key held by a session that depends on a health check, which this process
 * passes every 150 ms. If the process dies, is stopped or partitioned, the check fails within 0.7
 * s, Consul ends the session and releases the key immediately (no lock delay; the fence makes that
 * safe).
 */
export class ConsulLock implements LeaderLock {
  readonly #options: ConsulLockOptions;
  readonly #key: string;
  readonly #check: ManagerCheck;
  readonly #elapsed: () => number;
  /** Sessions that could not be destroyed; the check keeps them alive while this process runs. */
  readonly #undestroyed = new Set<string>();
  readonly #renewals = new Map<string, NodeJS.Timeout>();
  #leader: Leader | undefined;

  constructor(options: ConsulLockOptions) {
    this.#options = options;
    this.#key = clusterKeyPrefix(options.prefix, options.cluster) + leaderKey;
    this.#elapsed = options.elapsed ?? (() => performance.now());
    this.#check = new ManagerCheck({ ...options, elapsed: this.#elapsed });
  }

  get leader(): Leader | undefined {
    return this.#leader;
  }

  async acquire(signal: AbortSignal, heard?: () => void): Promise<HeldLock> {
    await this.#check.start();
    for (const id of this.#undestroyed) await this.#destroy(id);
    const session = await this.#openSession(signal);
    try {
      for (;;) {
        signal.throwIfAborted();
        const entry = await this.#tryAcquire(session);
        heard?.();
        if (entry?.session === session) return this.#hold(session, entry.index);
        if (entry?.session === undefined || this.#isOwn(entry)) {
          // The lock is free, or held by a stale session of this manager: release it and retry.
          await this.#destroy(entry?.session);
          await pause(retryMs, undefined, { signal });
        } else await this.#untilFree(entry, signal);
        await this.#assertSession(session);
      }
    } catch (error) {
      await this.#destroy(session);
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#check.stop();
  }

  /** Tries to acquire the key, then reads its state. */
  async #tryAcquire(session: string): Promise<KvEntry | undefined> {
    const { client, self } = this.#options;
    const value = JSON.stringify(self);
    await client.call((consul) =>
      consul.kv.set({ key: this.#key, value, acquire: session, ...requestOptions }),
    );
    const entry = await client.get(this.#key);
    this.#leader = leaderOf(entry);
    return entry;
  }

  /**
   * Whether an earlier session of this manager holds the key, left by a failed destroy or a killed
   * process. It depends on the same check, which passes again, so it would never expire. The fence
   * prevents writes by its former holder.
   */
  #isOwn(entry: KvEntry): boolean {
    return leaderOf(entry)?.nodeId === this.#options.self.nodeId;
  }

  async #untilFree(entry: KvEntry, signal: AbortSignal): Promise<void> {
    let now: KvEntry | undefined = entry;
    while (now?.session !== undefined && !signal.aborted) {
      now = await this.#watch(now.index, signal);
      this.#leader = leaderOf(now);
    }
    signal.throwIfAborted();
  }

  async #watch(index: number, signal: AbortSignal): Promise<KvEntry | undefined> {
    // The blocking query cannot be cancelled, so an abort stops waiting for it.
    const changed = this.#options.client.waitForChange(this.#key, index, watchMs);
    changed.catch(() => undefined);
    let stop = (): void => undefined;
    const stopped = new Promise<never>((_, reject) => {
      stop = (): void => {
        reject(new AppError('cancelled', 'waiting for the leader lock was cancelled'));
      };
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop);
    });
    try {
      return await Promise.race([changed, stopped]);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  #hold(session: string, index: number): HeldLock {
    const lost = new AbortController();
    void this.#guard(session, index, lost);
    return {
      fence: { key: this.#key, index },
      lost: lost.signal,
      release: async () => {
        lost.abort();
        this.#leader = undefined;
        await this.#destroy(session);
      },
    };
  }

  /**
   * Watches the held lock and aborts `lost` when it is gone; ends when the lock is lost or
   * released.
   */
  async #guard(session: string, index: number, lost: AbortController): Promise<void> {
    const silenceTimer = setInterval(() => {
      if (this.#check.silentMs > checkTimeoutMs) lost.abort();
    }, retryMs);
    silenceTimer.unref();
    let unknownSince: number | undefined;
    while (!lost.signal.aborted) {
      try {
        const entry = await this.#watch(index, lost.signal);
        unknownSince = undefined;
        if (entry?.session === session && entry.index === index) continue;
        this.#leader = leaderOf(entry);
        lost.abort();
      } catch {
        // Consul is unreachable or has no leader.
        unknownSince ??= this.#elapsed();
        if (this.#elapsed() - unknownSince > readTimeoutMs) lost.abort();
        await pause(retryMs);
      }
    }
    clearInterval(silenceTimer);
  }

  async #openSession(signal: AbortSignal): Promise<string> {
    const { client, self } = this.#options;
    const since = this.#elapsed();
    for (;;) {
      signal.throwIfAborted();
      try {
        const made = await client.ask('the new session', session, (consul) =>
          consul.session.create({
            name: `shoal manager ${self.nodeId}`,
            lockdelay: '0s',
            ttl: sessionTtl,
            behavior: 'release',
            checks: ['serfHealth', this.#check.id],
            ...requestOptions,
          }),
        );
        this.#renewals.set(made.ID, setInterval(() => void this.#renew(made.ID), renewMs).unref());
        return made.ID;
      } catch (error) {
        const refused = error instanceof AppError && error.kind === 'forbidden';
        if (refused || this.#elapsed() - since > sessionRetryMs) throw error;
        await pause(retryMs, undefined, { signal });
      }
    }
  }

  async #renew(id: string): Promise<void> {
    const { client, log } = this.#options;
    try {
      await client.call((consul) => consul.session.renew({ id, ...requestOptions }));
    } catch (error) {
      log.debug(`election: session renewal failed: ${messageOf(error)}`);
    }
  }

  async #assertSession(id: string): Promise<void> {
    // The library returns undefined for an expired session, contrary to its types.
    const info: unknown = await this.#options.client.call((consul) =>
      consul.session.info({ id, ...requestOptions }),
    );
    if (info === undefined || info === null)
      throw new AppError('unavailable', 'consul session expired');
  }

  async #destroy(id: string | undefined): Promise<void> {
    if (id === undefined) return;
    clearInterval(this.#renewals.get(id));
    this.#renewals.delete(id);
    const { client, log } = this.#options;
    try {
      await client.call((consul) => consul.session.destroy({ id, ...requestOptions }));
      this.#undestroyed.delete(id);
    } catch (error) {
      this.#undestroyed.add(id);
      log.debug(`election: session destroy failed: ${messageOf(error)}`);
    }
  }
}

/** Request options; the library's types lack `timeout`. */
const requestOptions: object = { timeout: 2_000 };

const session = object({ ID: nonEmptyString });

const leader = object<Leader>({ nodeId: string, address: string });

/** The leader that holds the lock; undefined if the lock is free or its value is malformed. */
function leaderOf(entry: KvEntry | undefined): Leader | undefined {
  if (entry?.session === undefined) return undefined;
  try {
    const { nodeId, address } = decodeJson(entry.value.toString(), leader, leaderKey);
    return { nodeId, address };
  } catch {
    return undefined;
  }
}
