import type { Clock } from '../common/base/clock.js';
import { AppError } from '../common/base/errors.js';
import type { Leader } from '../store/election.js';

const pollMs = 200;

/**
 * Detects a leadership change while a request is in flight: a machine that loses power never closes
 * its connections.
 */
export class LeaderWatch {
  readonly #gone = new AbortController();
  readonly #leader: Leader;
  readonly #leaderNow: () => Leader | undefined;
  readonly #clock: Clock;
  #cancel: (() => void) | undefined;

  constructor(leader: Leader, leaderNow: () => Leader | undefined, clock: Clock) {
    this.#leader = leader;
    this.#leaderNow = leaderNow;
    this.#clock = clock;
    this.#poll();
  }

  /** Aborted when the leader is no longer the leader. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  stop(): void {
    this.#cancel?.();
  }

  /**
   * Connection error. It has a cause, like transport errors, to mark that there was no response.
   */
  error(): AppError {
    const message = `manager ${this.#leader.address}: is no longer the leader`;
    return new AppError('unavailable', message, { cause: new Error(message) });
  }

  #poll(): void {
    const now = this.#leaderNow();
    if (now?.nodeId === this.#leader.nodeId && now.address === this.#leader.address) {
      this.#cancel = this.#clock.after(pollMs, () => {
        this.#poll();
      });
    } else {
      this.#gone.abort();
    }
  }
}
