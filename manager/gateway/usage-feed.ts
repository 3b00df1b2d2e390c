import type { TaskId } from '../common/model/ids.js';
import type { StatsMessage, TaskUsage } from '../common/protocol/statistics.js';

/** Source of the statistics that `shoal stats` shows. */
export interface StatisticsSource {
  /**
   * Sends a full snapshot at once, then changes each second. Returns a function that unsubscribes.
   */
  subscribe(listener: (message: StatsMessage) => void): () => void;
}

/** Resource usage of a task with the time of the manager's message, ms since the epoch. */
export interface TimedUsage extends TaskUsage {
  readonly at: number;
}

/**
 * Shares one statistics subscription among the readers of single containers; unsubscribes with the
 * last reader. A slow reader skips samples.
 */
export class UsageFeed {
  readonly #statistics: StatisticsSource;
  readonly #uses = new Map<TaskId, TaskUsage>();
  readonly #waiters = new Set<() => void>();
  #at = 0;
  #readers = 0;
  #stop: (() => void) | undefined;

  constructor(statistics: StatisticsSource) {
    this.#statistics = statistics;
  }

  /**
   * Yields the task's usage now (undefined if unknown), then about every second until the abort.
   */
  async *follow(taskId: TaskId, signal: AbortSignal): AsyncGenerator<TimedUsage | undefined> {
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
      this.#apply(message);
    });
  }

  #leave(): void {
    this.#readers -= 1;
    if (this.#readers > 0) return;
    this.#stop?.();
    this.#stop = undefined;
    this.#uses.clear();
  }

  #apply({ kind, at, tasks, goneTasks }: StatsMessage): void {
    this.#at = at;
    if (kind === 'snapshot') this.#uses.clear();
    for (const use of tasks) this.#uses.set(use.taskId, use);
    for (const taskId of goneTasks) this.#uses.delete(taskId);
    const waiting = [...this.#waiters];
    this.#waiters.clear();
    for (const wake of waiting) wake();
  }

  #next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiters.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiters.add(wake);
      signal.addEventListener('abort', wake, { once: true });
      if (signal.aborted) wake();
    });
  }
}
