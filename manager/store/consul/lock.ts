import { setTimeout as pause } from 'node:timers/promises';
import { AppError, messageOf } from '../../common/base/errors.js';
import type { Logger } from '../../common/base/log.js';
import type { HeldLock, Leader, LeaderLock } from '../election.js';
import type { ConsulClient, KvEntry } from './client.js';
import { rootOf } from './consul.js';
import { leaderKey } from './keys.js';
import { ManagerCheck } from './manager-check.js';

export interface ConsulLockOptions {
  readonly client: ConsulClient;
  readonly log: Logger;
  readonly prefix: string;
  /** Name of the cluster. */
  readonly cluster: string;
  readonly clusterId: string;
  readonly self: Leader;
}

/** A holder that has not been heard by Consul for this long assumes that another one leads. */
const silentMs = 3_000;
/** Nor can it be asked who holds the lock: longer than Consul's own election of a leader takes. */
const unknownMs = 10_000;
const watchMs = 10_000;
const retryMs = 50;
/**
 * Cut off from Consul's own leader alone, a holder can neither write nor let its check fail where that
 * counts: then its session ends by this, the shortest Consul takes as it comes (after up to twice that).
 */
const sessionTtl = '10s';
const renewMs = 2_000;
/** Until a new check is in the catalog, a session cannot hang on it. */
const sessionMs = 4_000;

/**
 * The lock is a key held by a session; the session hangs on a health check that this process keeps passing
 * every 150 ms. A process that died, was stopped or is cut off lets it fail within 0.7 s, Consul ends the
 * session, and the key is free at once (no lock delay: the fence makes it safe).
 */
export class ConsulLock implements LeaderLock {
  readonly #options: ConsulLockOptions;
  readonly #key: string;
  readonly #check: ManagerCheck;
  /** Sessions that could not be ended: our check keeps them alive as long as this process lives. */
  readonly #left = new Set<string>();
  readonly #renewals = new Map<string, NodeJS.Timeout>();
  #leader: Leader | undefined;

  constructor(options: ConsulLockOptions) {
    this.#options = options;
    this.#key = rootOf(options.prefix, options.cluster) + leaderKey;
    this.#check = new ManagerCheck(options);
  }

  get leader(): Leader | undefined {
    return this.#leader;
  }

  async acquire(signal: AbortSignal, heard?: () => void): Promise<HeldLock> {
    await this.#check.start();
    for (const id of this.#left) await this.#destroy(id);
    const session = await this.#openSession(signal);
    try {
      for (;;) {
        signal.throwIfAborted();
        const entry = await this.#take(session);
        heard?.();
        if (entry?.session === session) return this.#hold(session, entry.index);
        if (entry?.session === undefined || this.#isOwn(entry)) {
          // Free already: somebody was faster or slower, ask again.
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

  /** Tries to take the key, then tells how it is. */
  async #take(session: string): Promise<KvEntry | undefined> {
    const { client, self } = this.#options;
    const value = JSON.stringify(self);
    await client.call((consul) =>
      consul.kv.set({ key: this.#key, value, acquire: session, ...short }),
    );
    const entry = await client.get(this.#key);
    this.#leader = leaderOf(entry);
    return entry;
  }

  /**
   * Held by an earlier session of this manager, that could not be ended or was a killed process's: it hangs
   * on the same check, which passes again, so it would stay for ever. The fence keeps its holder from writing.
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
    // A request that waits is not cut short: who stops does not wait for it.
    const changed = this.#options.client.waitForChange(this.#key, index, watchMs);
    changed.catch(() => undefined);
    let stop = (): void => undefined;
    const stopped = new Promise<never>((_, reject) => {
      stop = (): void => {
        reject(new AppError('cancelled', 'no longer waited for'));
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

  /** Ends when the lock is lost or released. */
  async #guard(session: string, index: number, lost: AbortController): Promise<void> {
    const silence = setInterval(() => {
      if (this.#check.silentMs > silentMs) lost.abort();
    }, retryMs);
    silence.unref();
    let unknownSince: number | undefined;
    while (!lost.signal.aborted) {
      try {
        const entry = await this.#watch(index, lost.signal);
        unknownSince = undefined;
        if (entry?.session === session && entry.index === index) continue;
        this.#leader = leaderOf(entry);
        lost.abort();
      } catch {
        // Consul does not answer, or its servers have no leader.
        unknownSince ??= performance.now();
        if (performance.now() - unknownSince > unknownMs) lost.abort();
        await pause(retryMs);
      }
    }
    clearInterval(silence);
  }

  async #openSession(signal: AbortSignal): Promise<string> {
    const { client, self } = this.#options;
    const since = performance.now();
    for (;;) {
      signal.throwIfAborted();
      try {
        const made = await client.call((consul) =>
          consul.session.create({
            name: `shoal manager ${self.nodeId}`,
            lockdelay: '0s',
            ttl: sessionTtl,
            behavior: 'release',
            checks: ['serfHealth', this.#check.id],
            ...short,
          }),
        );
        this.#renewals.set(made.ID, setInterval(() => void this.#renew(made.ID), renewMs).unref());
        return made.ID;
      } catch (error) {
        const refused = error instanceof AppError && error.kind === 'forbidden';
        if (refused || performance.now() - since > sessionMs) throw error;
        await pause(retryMs, undefined, { signal });
      }
    }
  }

  async #renew(id: string): Promise<void> {
    const { client, log } = this.#options;
    try {
      await client.call((consul) => consul.session.renew({ id, ...short }));
    } catch (error) {
      log.debug(`election: session not renewed: ${messageOf(error)}`);
    }
  }

  async #assertSession(id: string): Promise<void> {
    const info = await this.#options.client.call((consul) => consul.session.info({ id, ...short }));
    // The library gives nothing for a session that is gone, whatever its types say.
    if ((info as unknown) === undefined) throw new AppError('unavailable', 'the session has ended');
  }

  async #destroy(id: string | undefined): Promise<void> {
    if (id === undefined) return;
    clearInterval(this.#renewals.get(id));
    this.#renewals.delete(id);
    const { client, log } = this.#options;
    try {
      await client.call((consul) => consul.session.destroy({ id, ...short }));
      this.#left.delete(id);
    } catch (error) {
      this.#left.add(id);
      log.debug(`election: session not ended yet: ${messageOf(error)}`);
    }
  }
}

/** The library's types do not know its deadlines. */
const short: object = { timeout: 2_000 };

function leaderOf(entry: KvEntry | undefined): Leader | undefined {
  if (entry?.session === undefined) return undefined;
  try {
    const { nodeId, address } = JSON.parse(entry.value.toString()) as Partial<Leader>;
    return nodeId === undefined || address === undefined ? undefined : { nodeId, address };
  } catch {
    return undefined;
  }
}
