import type { TaskId } from '../common/model/ids.js';
import type { StatsMessage, TaskUse } from '../common/protocol/statistics.js';

/** What containers use, as `shoal stats` has it. */
export interface Statistics {
  /** Everything known, at once, then each second what has changed; returns the way to end it. */
  subscribe(listener: (message: StatsMessage) => void): () => void;
}

/** A use, and when the manager told of it, ms since the epoch. */
export interface TimedUse extends TaskUse {
  readonly at: number;
}

/**
 * What containers use, for any number of readers of single containers: one subscription for all of them,
 * and none without them. What a reader cannot take in time is left out.
 */
export class UseFeed {
  readonly #statistics: Statistics;
  readonly #uses = new Map<TaskId, TaskUse>();
  readonly #waiting = new Set<() => void>();
  #at = 0;
  #readers = 0;
  #stop: (() => void) | undefined;

  constructor(statistics: Statistics) {
    this.#statistics = statistics;
  }

  /** Its use now (undefined while none is known), then about each second, until `signal`. */
  async *follow(taskId: TaskId, signal: AbortSignal): AsyncGenerator<TimedUse | undefined> {
    this.#enter();
    try {
      while (!signal.aborted) {
        const use = this.#uses.get(taskId);
        yield use && { ...use, at: this.#at };
        await this.#next(signal);
      }
    } finally {
      this.#leave();
    }
  }

  #enter(): void {
    this.#readers += 1;
    if (this.#readers > 1) return;
    this.#stop = this.#statistics.subscribe((message) => {
      this.#take(message);
    });
  }

  #leave(): void {
    this.#readers -= 1;
    if (this.#readers > 0) return;
    this.#stop?.();
    this.#stop = undefined;
    this.#uses.clear();
  }

  #take({ kind, at, tasks, goneTasks }: StatsMessage): void {
    this.#at = at;
    if (kind === 'snapshot') this.#uses.clear();
    for (const use of tasks) this.#uses.set(use.taskId, use);
    for (const taskId of goneTasks) this.#uses.delete(taskId);
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  #next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
      if (signal.aborted) wake();
    });
  }
}
