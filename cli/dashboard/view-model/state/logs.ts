import type { TaskLogLine } from '../../../../manager/common/protocol/control.js';
import { harmless } from '../paint/text.js';

export interface KeptLine {
  /** Counts from 0 over all lines that ever came. */
  readonly number: number;
  readonly source: string;
  readonly taskId: string;
  readonly service: string;
  readonly stderr: boolean;
  readonly stamp: string;
  readonly text: string;
}

const maxLines = 5_000;
/** Longer ones are cut: a line of megabytes is no log line, and memory is bounded. */
const maxLineChars = 4_096;

/** The newest lines of a log; older ones are let go and counted. Changed in place. */
export class LogBuffer {
  #lines: KeptLine[] = [];
  #next = 0;
  /** Raised by every change. */
  version = 0;
  state: 'reading' | 'ended' | 'lost' = 'reading';
  message = '';

  get lines(): readonly KeptLine[] {
    return this.#lines;
  }

  /** Lines that came and are no longer held. */
  get dropped(): number {
    return this.#next - this.#lines.length;
  }

  push(lines: readonly TaskLogLine[]): void {
    this.version += 1;
    const kept = lines.slice(-maxLines);
    this.#next += lines.length - kept.length;
    for (const line of kept) {
      this.#lines.push({
        number: this.#next,
        source: harmless(line.containerName),
        taskId: line.taskId,
        service: line.service,
        stderr: line.stream === 'stderr',
        stamp: line.stamp.slice(11, 23),
        text: harmless(line.text.slice(0, maxLineChars)),
      });
      this.#next += 1;
    }
    // Cut in large steps, as taking off the front costs a copy.
    if (this.#lines.length > maxLines * 1.2) this.#lines = this.#lines.slice(-maxLines);
  }

  /** A line of the reader's own, to find the place again. */
  mark(text: string): void {
    this.version += 1;
    this.#lines.push({
      number: this.#next,
      source: '',
      taskId: '',
      service: '',
      stderr: false,
      stamp: '',
      text,
    });
    this.#next += 1;
  }

  clear(): void {
    this.version += 1;
    this.#lines = [];
  }

  end(state: 'ended' | 'lost', message: string): void {
    this.version += 1;
    this.state = state;
    this.message = message;
  }
}

export interface LogQuery {
  readonly search: string;
  readonly only: boolean;
  readonly container: string | undefined;
  readonly taskId: string | undefined;
  readonly previous: boolean;
}

/** A search as a test of lines; a text that is no regular expression is looked for as it is. */
export function searchTest(search: string): ((text: string) => boolean) | undefined {
  if (search === '') return undefined;
  try {
    const pattern = new RegExp(search, 'iu');
    return (text) => pattern.test(text);
  } catch {
    const wanted = search.toLowerCase();
    return (text) => text.toLowerCase().includes(wanted);
  }
}

export function queriedLines(buffer: LogBuffer, query: LogQuery): readonly KeptLine[] {
  const found = query.only ? searchTest(query.search) : undefined;
  const { container, taskId, previous } = query;
  if (found === undefined && container === undefined && !previous) return buffer.lines;
  return buffer.lines.filter(
    (line) =>
      (container === undefined || line.source === container) &&
      (!previous || line.taskId !== taskId) &&
      (found === undefined || found(line.text)),
  );
}

/** Index of the next line up (`-1`) or down (`1`) that the search finds, from `at` on; undefined for none. */
export function findLine(
  lines: readonly KeptLine[],
  search: string,
  at: number,
  step: 1 | -1,
): number | undefined {
  const found = searchTest(search);
  if (found === undefined) return undefined;
  for (let index = at + step; index >= 0 && index < lines.length; index += step) {
    if (found(lines[index]?.text ?? '')) return index;
  }
  return undefined;
}

/** As it is written to a file. */
export function savedLine({ stamp, source, text }: KeptLine): string {
  return `${stamp} ${source} | ${text}`;
}
