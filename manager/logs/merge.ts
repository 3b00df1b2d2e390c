import type { TaskLogLine } from '../common/protocol/control.js';

interface Queue {
  readonly lines: TaskLogLine[];
  /** Arrival time of each line, ms of the caller's clock. */
  readonly arrivals: number[];
  ended: boolean;
}

/** Compares lines by time (ms), then by the engine's timestamp, then by task ID. */
export function compareLogLines(a: TaskLogLine, b: TaskLogLine): number {
  if (a.at !== b.at) return a.at - b.at;
  if (a.stamp !== b.stamp) return a.stamp < b.stamp ? -1 : 1;
  return a.taskId < b.taskId ? -1 : a.taskId > b.taskId ? 1 : 0;
}

/**
 * Merges lines of many sources, each in time order, into one order. A line is released once every
 * open source has a later line. While following it is also released after waiting long enough by
 * arrival time, since clocks differ between machines.
 */
export class LogMerge {
  readonly #queues = new Map<string, Queue>();
  #chars = 0;

  /** Adds a source; its lines are awaited until `close`. */
  open(source: string): void {
    this.#queues.set(source, { lines: [], arrivals: [], ended: false });
  }

  add(source: string, lines: readonly TaskLogLine[], arrivedAt: number): void {
    const queue = this.#queues.get(source);
    if (queue !== undefined) this.#chars += charsIn(lines);
    queue?.lines.push(...lines);
    queue?.arrivals.push(...lines.map(() => arrivedAt));
  }

  close(source: string): void {
    const queue = this.#queues.get(source);
    if (queue === undefined) return;
    if (queue.lines.length === 0) this.#queues.delete(source);
    else queue.ended = true;
  }

  get pendingCount(): number {
    let count = 0;
    for (const queue of this.#queues.values()) count += queue.lines.length;
    return count;
  }

  /** Characters in the lines held. */
  get pendingChars(): number {
    return this.#chars;
  }

  /** Takes the lines whose order is final: no open source can deliver an earlier line. */
  take(): readonly TaskLogLine[] {
    let horizon = Infinity;
    for (const { lines, ended } of this.#queues.values()) {
      if (ended) continue;
      horizon = Math.min(horizon, lines.at(-1)?.at ?? -Infinity);
    }
    return this.#takeWhile((line) => line.at <= horizon);
  }

  /**
   * Takes all lines that arrived by `arrivedUntil`, and earlier ones, even if the order may change.
   */
  flush(arrivedUntil: number): readonly TaskLogLine[] {
    let horizon = -Infinity;
    for (const { lines, arrivals } of this.#queues.values()) {
      const last = arrivals.findLastIndex((arrivedAt) => arrivedAt <= arrivedUntil);
      horizon = Math.max(horizon, lines[last]?.at ?? -Infinity);
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
    this.#chars -= charsIn(due);
    return due.sort(compareLogLines);
  }
}

function charsIn(lines: readonly TaskLogLine[]): number {
  return lines.reduce((sum, { text, bytes = '' }) => sum + text.length + bytes.length, 0);
}
