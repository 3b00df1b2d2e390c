import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { backoffMs } from '../common/base/backoff.js';
import { messageOf } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';

/** Who holds the lock, for those who do not. */
export interface Leader {
  readonly nodeId: string;
  /** `host:port` under which workers and clients reach it. */
  readonly address: string;
}

/** A manager that was heard of, leading or not. */
export interface Member extends Leader {
  /** Whether it is alive, as far as the store knows. */
  readonly alive: boolean;
}

/** Every manager of the cluster, for those who want to reach one. */
export interface Members {
  list(): Promise<readonly Member[]>;
  /** Takes one that is gone for good off the list. Fine when it is not there. */
  forget(nodeId: string): Promise<void>;
}

/** A lock that was taken: good until `lost` is aborted. */
export interface HeldLock {
  /** What every write checks, so that a holder that does not know of its loss writes nothing. */
  readonly fence: { readonly key: string; readonly index: number };
  /** Aborted as soon as the loss is known here. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

/** A lock of which one holder is known to all, and that is free soon after its holder died or stopped. */
export interface LeaderLock {
  /**
   * Waits until it is ours; rejects when `signal` is aborted or the lock cannot be asked for. `heard` is
   * called each time it is known how the lock is.
   */
  acquire(signal: AbortSignal, heard?: () => void): Promise<HeldLock>;
  /** Who held it when last looked at. */
  readonly leader: Leader | undefined;
  close(): Promise<void>;
}

/** What a leader does while it leads. */
export interface Term {
  /** Ends on its own when the store can no longer be written: the term is over then. */
  readonly ended: Promise<unknown>;
  stop(): Promise<void>;
}

export interface ElectionOptions {
  readonly lock: LeaderLock;
  readonly log: Logger;
  /** Starts a term; it may be asked to stop at once. Throwing gives the lock back and tries again. */
  readonly lead: (held: HeldLock) => Promise<Term>;
}

/**
 * Waits for the lock, leads as long as it is held, and begins again. A term that has ended is stopped
 * whole before the next one begins.
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

  /** Why nobody can be asked who leads, when that is so. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends a term that is under way and gives the lock to the next. */
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
      log.info('election: leads', { index: held.fence.index });
      try {
        await Promise.race([aborted(signal), aborted(held.lost), term.ended]);
      } finally {
        this.#leading = false;
        await term.stop();
        log.info('election: leads no more');
      }
    } finally {
      await held.release();
    }
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}
