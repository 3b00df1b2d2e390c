import type { Clock } from '../common/base/clock.js';

/**
 * Runs `work` after a poke, at most once every `tickMs`: the first poke of a burst runs at once,
 * the rest are coalesced. Runs never overlap.
 */
export class Throttle {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #work: () => Promise<void> | void;
  #cancel: (() => void) | undefined;
  #running: Promise<void> | undefined;
  /** The longest delay of the pokes during a run; undefined if there were none. */
  #againAfterMs: number | undefined;
  #stopped = false;
  #lastAt = -Infinity;

  constructor(clock: Clock, tickMs: number, work: () => Promise<void> | void) {
    this.#clock = clock;
    this.#tickMs = tickMs;
    this.#work = work;
  }

  /** Schedules a run. `delayMs` backs off after a failure; the run waits at least that long. */
  poke(delayMs = 0): void {
    if (this.#stopped || this.#cancel !== undefined) return;
    if (this.#running !== undefined) {
      this.#againAfterMs = Math.max(this.#againAfterMs ?? 0, delayMs);
      return;
    }
    const wait = Math.max(delayMs, this.#lastAt + this.#tickMs - this.#clock.elapsed(), 0);
    this.#cancel = this.#clock.after(wait, () => {
      this.#cancel = undefined;
      this.#run();
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#running;
  }

  #run(): void {
    this.#lastAt = this.#clock.elapsed();
    this.#running = this.#finish();
  }

  async #finish(): Promise<void> {
    try {
      await this.#work();
    } finally {
      this.#running = undefined;
      const delayMs = this.#againAfterMs;
      this.#againAfterMs = undefined;
      if (delayMs !== undefined) this.poke(delayMs);
    }
  }
}
