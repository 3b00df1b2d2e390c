import type { Clock } from '../common/base/clock.js';
import { AppError } from '../common/base/errors.js';
import type { Leader } from '../store/election.js';

const lookMs = 200;

/**
 * Watches, as long as something is asked of a leader, whether it still leads: a machine without power
 * closes no connection.
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
    this.#look();
  }

  /** Aborted when it leads no more. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  stop(): void {
    this.#cancel?.();
  }

  /** A failure of the connection, with a cause as the transport's have: nobody has answered. */
  error(): AppError {
    const message = `${this.#leader.address} leads no more`;
    return new AppError('unavailable', message, { cause: new Error(message) });
  }

  #look(): void {
    const now = this.#leaderNow();
    if (now?.nodeId === this.#leader.nodeId && now.address === this.#leader.address) {
      this.#cancel = this.#clock.after(lookMs, () => {
        this.#look();
      });
    } else {
      this.#gone.abort();
    }
  }
}
