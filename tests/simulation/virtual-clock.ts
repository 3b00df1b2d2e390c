import type { Clock } from '../../manager/common/base/clock.js';

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/** A clock that advances only on request, from one timer to the next. */
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

  /**
   * Advances to the next timer and calls it. Without one before `end`, advances to `end` and
   * returns false.
   */
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

/** Resolves once every promise that can proceed has done so; nothing here waits for other I/O. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
