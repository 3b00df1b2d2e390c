import type { TaskLogLine } from '../common/protocol/control.js';

interface Queue {
  readonly lines: TaskLogLine[];
  /** When each line arrived, in ms of the caller's clock. */
  readonly arrivals: number[];
  ended: boolean;
}

/** In the order of time; the engine's stamp decides within a millisecond, then the task. */
export function byTime(a: TaskLogLine, b: TaskLogLine): number {
  if (a.at !== b.at) return a.at - b.at;
  if (a.stamp !== b.stamp) return a.stamp < b.stamp ? -1 : 1;
  return a.taskId < b.taskId ? -1 : a.taskId > b.taskId ? 1 : 0;
}

/**
 * Brings the lines of many sources, each in order of time, into one order. A line is let go when every
 * source that is not at its end has said something later, or, while following, when it has waited here
 * long enough, whatever its stamp: the clocks of the machines need not agree with each other or with ours.
 */
export class LogMerge {
  readonly #queues = new Map<string, Queue>();

  /** A source that is expected to say something. */
  open(source: string): void {
    this.#queues.set(source, { lines: [], arrivals: [], ended: false });
  }

  add(source: string, lines: readonly TaskLogLine[], arrivedAt: number): void {
    const queue = this.#queues.get(source);
    queue?.lines.push(...lines);
    queue?.arrivals.push(...lines.map(() => arrivedAt));
  }

  close(source: string): void {
    const queue = this.#queues.get(source);
    if (queue === undefined) return;
    if (queue.lines.length === 0) this.#queues.delete(source);
    else queue.ended = true;
  }

  get waiting(): number {
    let count = 0;
    for (const queue of this.#queues.values()) count += queue.lines.length;
    return count;
  }

  /** Lines whose place is certain: no source can say anything earlier any more. */
  take(): readonly TaskLogLine[] {
    let horizon = Infinity;
    for (const { lines, ended } of this.#queues.values()) {
      if (ended) continue;
      horizon = Math.min(horizon, lines.at(-1)?.at ?? -Infinity);
    }
    return this.#takeWhile((line) => line.at <= horizon);
  }

  /** What arrived up to a moment, and what belongs before it, certain or not. */
  flush(arrivedUntil: number): readonly TaskLogLine[] {
    let horizon = -Infinity;
    for (const { lines, arrivals } of this.#queues.values()) {
      const late = arrivals.findLastIndex((arrivedAt) => arrivedAt <= arrivedUntil);
      horizon = Math.max(horizon, lines[late]?.at ?? -Infinity);
    }
    return this.#takeWhile((line) => line.at <= horizon);
  }

  #takeWhile(isDue: (line: TaskLogLine) => boolean): readonly TaskLogLine[] {
    const due: TaskLogLine[] = [];
    for (const [source, queue] of this.#queues) {
      const first = queue.lines.findIndex((line) => !isDue(line));
      const count = first === -1 ? queue.lines.length : first;
      due.push(...queue.lines.splice(0, count));
      queue.arrivals.splice(0, count);
      if (queue.ended && queue.lines.length === 0) this.#queues.delete(source);
    }
    return due.sort(byTime);
  }
}
