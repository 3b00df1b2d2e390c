/** Time and timers, handed in so that tests and the simulation decide how fast it goes. */
export interface Clock {
  /** Milliseconds since the epoch. It jumps when somebody sets the machine's clock: only for what people read or other machines said. */
  now(): number;
  /** Milliseconds since some moment of the past, whatever is done to the machine's clock: for all that lasts. */
  elapsed(): number;
  /** Calls back once after `delayMs`; the returned function cancels. Never keeps a process alive alone. */
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
