import { backoffMs } from './backoff.js';
import type { Clock } from './clock.js';
import { messageOf } from './errors.js';
import type { Logger } from './log.js';

export interface LoopOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** One turn: look, decide, write. Throwing makes the loop try again after a back-off. */
  readonly turn: (signal: AbortSignal) => Promise<void>;
  /** Turns at least this often, in ms, even when nobody pokes: the full resync. */
  readonly resyncMs?: number;
  /**
   * A full look at start and every `everyMs`, however busy: `mark` notes everything as to be looked at. It
   * finds what an event should have told and did not.
   */
  readonly full?: { readonly everyMs: number; readonly mark: () => void };
  /** Collects pokes this long before a turn, in ms. 0 starts the turn in the same tick's microtask. */
  readonly settleMs?: number;
}

/**
 * The one reconcile loop: level-triggered, single flight, back-off after errors, ends cleanly. A poke says
 * only "look again"; any number of pokes during a turn lead to one more turn.
 */
export class Loop {
  readonly #options: LoopOptions;
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;
  #dirty = false;
  #failures = 0;
  #cancelTimer: (() => void) | undefined;
  #cancelFull: (() => void) | undefined;

  constructor(options: LoopOptions) {
    this.#options = options;
  }

  start(): void {
    this.#markAll();
    this.poke();
  }

  #markAll(): void {
    const { full, clock } = this.#options;
    if (full === undefined) return;
    full.mark();
    this.#cancelFull = clock.after(full.everyMs, () => {
      this.#markAll();
      this.poke();
    });
  }

  poke(): void {
    if (this.#abort.signal.aborted) return;
    if (this.#dirty) return;
    this.#dirty = true;
    if (this.#running !== undefined) return;
    this.#schedule(this.#options.settleMs ?? 0);
  }

  /** Ends the loop; resolves when a running turn has ended. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#cancelTimer?.();
    this.#cancelFull?.();
    await this.#running;
  }

  #schedule(delayMs: number): void {
    this.#cancelTimer?.();
    if (delayMs <= 0) {
      this.#begin();
      return;
    }
    this.#cancelTimer = this.#options.clock.after(delayMs, () => {
      this.#begin();
    });
  }

  #begin(): void {
    this.#cancelTimer = undefined;
    if (this.#running !== undefined || this.#abort.signal.aborted) return;
    this.#running = this.#turn().finally(() => {
      this.#running = undefined;
      this.#next();
    });
  }

  async #turn(): Promise<void> {
    // Leave the poker's stack first: a turn never runs inside the commit that caused it.
    await Promise.resolve();
    this.#dirty = false;
    try {
      await this.#options.turn(this.#abort.signal);
      this.#failures = 0;
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#failures += 1;
      this.#options.log.warn(`${this.#options.name}: ${messageOf(error)}`, {
        failures: this.#failures,
      });
    }
  }

  #next(): void {
    if (this.#abort.signal.aborted) return;
    if (this.#failures > 0) {
      this.#dirty = true;
      const wait = backoffMs({ firstMs: 50, maxMs: 5_000 }, this.#failures, 0.5);
      this.#schedule(wait);
      return;
    }
    if (this.#dirty) {
      this.#schedule(this.#options.settleMs ?? 0);
      return;
    }
    const { resyncMs } = this.#options;
    if (resyncMs !== undefined) {
      this.#cancelTimer = this.#options.clock.after(resyncMs, () => {
        this.#dirty = true;
        this.#begin();
      });
    }
  }
}
