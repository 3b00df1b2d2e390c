/** Time and timers, injected so that tests and the simulation control how fast time passes. */
export interface Clock {
  /**
   * Wall-clock time, ms since the epoch. It jumps when the machine's clock is set: use it only for
   * times shown to users or compared with other machines.
   */
  now(): number;
  /**
   * Monotonic time in ms since an arbitrary start. Use it for durations, timeouts and intervals.
   */
  elapsed(): number;
  /**
   * Calls `callback` once after `delayMs`; the returned function cancels the timer. A pending timer
   * does not keep the process alive.
   */
  after(delayMs: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => {
      clearTimeout(timer);
    };
  },
};
