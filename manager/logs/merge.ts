import type { TaskLogLine } from '../protocol/control.js';

interface Queue {
  readonly lines: TaskLogLine[];
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
 * source that is not at its end has said something later, or, while following, when it has waited long
 * enough: `flush` lets everything go that is older than a moment.
 */
export class LogMerge {
  readonly #queues = new Map<string, Queue>();

  /** A source that is expected to say something. */
  open(source: string): void {
    this.#queues.set(source, { lines: [], ended: false });
  }

  add(source: string, lines: readonly TaskLogLine[]): void {
    this.#queues.get(source)?.lines.push(...lines);
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

  /** Everything up to a moment, certain or not. */
  flush(until: number): readonly TaskLogLine[] {
    return this.#takeWhile((line) => line.at <= until);
  }

  #takeWhile(isDue: (line: TaskLogLine) => boolean): readonly TaskLogLine[] {
    const due: TaskLogLine[] = [];
    for (const [source, queue] of this.#queues) {
      const first = queue.lines.findIndex((line) => !isDue(line));
      due.push(...queue.lines.splice(0, first === -1 ? queue.lines.length : first));
      if (queue.ended && queue.lines.length === 0) this.#queues.delete(source);
    }
    return due.sort(byTime);
  }
}
