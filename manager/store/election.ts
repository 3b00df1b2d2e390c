import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { backoffMs } from '../common/base/backoff.js';
import { messageOf } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';

/** The current leader, as followers see it. */
export interface Leader {
  readonly nodeId: string;
  /** Advertised address for workers and clients, `host:port`. */
  readonly address: string;
}

/** A registered manager, leader or follower. */
export interface ManagerMember extends Leader {
  /** Whether the manager's health check passes. */
  readonly alive: boolean;
}

/** Registry of the cluster's managers. */
export interface ManagerRegistry {
  list(): Promise<readonly ManagerMember[]>;
  /** Removes a permanently lost manager; succeeds if it is not listed. */
  remove(nodeId: string): Promise<void>;
}

/** An acquired lock; valid until `lost` is aborted. */
export interface HeldLock {
  /** Fencing token checked by every write, so that a stale holder cannot write. */
  readonly fence: { readonly key: string; readonly index: number };
  /** Aborted as soon as this process detects the loss. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

/**
 * Leader lock: at most one holder, visible to all; released soon after its holder dies or stops.
 */
export interface LeaderLock {
  /**
   * Waits until this manager holds the lock; rejects if `signal` is aborted or the lock service
   * fails. `heard` is called each time the lock's state was read.
   */
  acquire(signal: AbortSignal, heard?: () => void): Promise<HeldLock>;
  /** Holder of the lock at the last read; undefined if unknown or free. */
  readonly leader: Leader | undefined;
  close(): Promise<void>;
}

/** A leader's term: everything that runs only on the leader. */
export interface Term {
  /** Resolves when the store becomes unwritable, which ends the term. */
  readonly ended: Promise<unknown>;
  stop(): Promise<void>;
}

export interface ElectionOptions {
  readonly lock: LeaderLock;
  readonly log: Logger;
  /**
   * Starts a term, which may be stopped immediately. On error the lock is released and re-acquired.
   */
  readonly lead: (held: HeldLock) => Promise<Term>;
}

/**
 * Leader election loop: acquire the lock, lead while it is held, repeat. A term is fully stopped
 * before the next one starts.
 */
export class Election {
  readonly #options: ElectionOptions;
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;
  #leading = false;
  #trouble: string | undefined;

  constructor(options: ElectionOptions) {
    this.#options = options;
  }

  get leading(): boolean {
    return this.#leading;
  }

  get leader(): Leader | undefined {
    return this.#options.lock.leader;
  }

  /** Last error of the election loop; cleared once the state of the lock is read again. */
  get lastError(): string | undefined {
    return this.#trouble;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends the current term and releases the lock. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
    await this.#options.lock.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    let failures = 0;
    while (!signal.aborted) {
      try {
        await this.#turn(signal);
        failures = 0;
        this.#trouble = undefined;
      } catch (error) {
        if (this.#abort.signal.aborted) return;
        failures += 1;
        this.#trouble = messageOf(error);
        this.#options.log.warn(`election: ${messageOf(error)}`, { failures });
        const waitMs = backoffMs({ firstMs: 50, maxMs: 2_000 }, failures, Math.random());
        await pause(waitMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { lock, lead, log } = this.#options;
    const held = await lock.acquire(signal, () => {
      this.#trouble = undefined;
    });
    this.#trouble = undefined;
    try {
      const term = await lead(held);
      this.#leading = true;
      log.info('election: leadership acquired', { index: held.fence.index });
      try {
        await Promise.race([aborted(signal), aborted(held.lost), term.ended]);
      } finally {
        this.#leading = false;
        await term.stop();
        log.info('election: leadership lost');
      }
    } finally {
      await held.release();
    }
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}
