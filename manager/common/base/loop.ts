import { backoffMs } from './backoff.js';
import type { Clock } from './clock.js';
import { messageOf } from './errors.js';
import type { Logger } from './log.js';

export interface ReconcileLoopOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly log: Logger;
  /**
   * One reconcile pass: observe, decide, write. The loop retries a pass that throws, with back-off.
   */
  readonly reconcile: (signal: AbortSignal) => Promise<void>;
  /**
   * Resync interval, ms, or a function that returns it after each pass: a pass runs this long after
   * the last one even without a trigger.
   */
  readonly resyncMs?: number | (() => number);
  /**
   * Debounce: ms to collect triggers before a pass. 0 starts the pass in a microtask of the same
   * tick.
   */
  readonly debounceMs?: number;
}

/**
 * Reconcile loop: level-triggered, single-flight, with back-off after errors and a clean shutdown.
 * A trigger carries no data; any number of triggers during a pass cause exactly one more pass. A loop
 * over objects of the store is a `KeyedLoop`.
 */
export class ReconcileLoop {
  readonly #options: ReconcileLoopOptions;
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;
  #dirty = false;
  #failures = 0;
  #cancelTimer: (() => void) | undefined;

  constructor(options: ReconcileLoopOptions) {
    this.#options = options;
  }

  start(): void {
    this.trigger();
  }

  trigger(): void {
    if (this.#abort.signal.aborted) return;
    if (this.#dirty) return;
    this.#dirty = true;
    if (this.#running !== undefined) return;
    this.#schedule(this.#options.debounceMs ?? 0);
  }

  /** Stops the loop; resolves once the running pass has ended. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#cancelTimer?.();
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
    this.#running = this.#runPass().finally(() => {
      this.#running = undefined;
      this.#scheduleNext();
    });
  }

  async #runPass(): Promise<void> {
    // Unwind the caller's stack first: a pass never runs inside the commit that triggered it.
    await Promise.resolve();
    this.#dirty = false;
    try {
      await this.#options.reconcile(this.#abort.signal);
      this.#failures = 0;
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#failures += 1;
      this.#options.log.warn(`${this.#options.name}: ${messageOf(error)}`, {
        failures: this.#failures,
      });
    }
  }

  #scheduleNext(): void {
    if (this.#abort.signal.aborted) return;
    if (this.#failures > 0) {
      this.#dirty = true;
      const wait = backoffMs({ firstMs: 50, maxMs: 5_000 }, this.#failures, 0.5);
      this.#schedule(wait);
      return;
    }
    if (this.#dirty) {
      this.#schedule(this.#options.debounceMs ?? 0);
      return;
    }
    const { resyncMs } = this.#options;
    if (resyncMs !== undefined) {
      const wait = typeof resyncMs === 'number' ? resyncMs : resyncMs();
      this.#cancelTimer = this.#options.clock.after(wait, () => {
        this.#dirty = true;
        this.#begin();
      });
    }
  }
}
