import type { Clock } from '../../manager/common/base/clock.js';

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/** Time that goes only when told: the earliest timer decides how far. */
export class VirtualClock implements Clock {
  #now = 1_000_000;
  #order = 0;
  readonly #timers = new Map<number, Timer>();

  now(): number {
    return this.#now;
  }

  elapsed(): number {
    return this.#now;
  }

  after(delayMs: number, callback: () => void): () => void {
    this.#order += 1;
    const order = this.#order;
    this.#timers.set(order, { at: this.#now + Math.max(0, delayMs), order, callback });
    return () => {
      this.#timers.delete(order);
    };
  }

  /** Goes to the next timer and calls all that are due then; false when there is none before `end`. */
  step(end: number): boolean {
    const next = this.#next();
    if (next === undefined || next.at > end) {
      this.#now = Math.max(this.#now, end);
      return false;
    }
    this.#now = next.at;
    this.#timers.delete(next.order);
    next.callback();
    return true;
  }

  #next(): Timer | undefined {
    let best: Timer | undefined;
    for (const timer of this.#timers.values()) {
      if (best === undefined || timer.at < best.at) best = timer;
    }
    return best;
  }
}

/** Lets every promise that can go on do so: nothing here waits for anything but promises and the clock. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
