import { compilePattern } from '../../../../manager/common/base/pattern.js';
import type { TaskLogLine } from '../../../../manager/common/protocol/control.js';
import { sanitizeText } from '../paint/text.js';

export interface BufferedLine {
  /** Sequence number from 0, over all lines received. */
  readonly number: number;
  readonly source: string;
  readonly taskId: string;
  readonly service: string;
  readonly stderr: boolean;
  readonly stamp: string;
  readonly text: string;
}

const maxLines = 5_000;
/** Longer lines are truncated to bound memory. */
const maxLineChars = 4_096;

/** The newest lines of a log; older ones are dropped and counted. Mutable. */
export class LogBuffer {
  #lines: BufferedLine[] = [];
  #next = 0;
  /** Increases with every change. */
  version = 0;
  state: 'reading' | 'ended' | 'lost' = 'reading';
  message = '';

  get lines(): readonly BufferedLine[] {
    return this.#lines;
  }

  /** Number of lines received and no longer held. */
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
        source: sanitizeText(line.containerName),
        taskId: line.taskId,
        service: line.service,
        stderr: line.stream === 'stderr',
        stamp: line.stamp.slice(11, 23),
        text: sanitizeText(line.text.slice(0, maxLineChars)),
      });
      this.#next += 1;
    }
    // Trims in large steps, because removing the front copies the array.
    if (this.#lines.length > maxLines * 1.2) this.#lines = this.#lines.slice(-maxLines);
  }

  /** Inserts a line of the user's own as a visual mark. */
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

/**
 * A case-insensitive test for lines: a regular expression, or literal text if it is not a valid
 * one. Undefined for an empty search.
 */
export function compileSearch(search: string): ((text: string) => boolean) | undefined {
  if (search === '') return undefined;
  try {
    const pattern = compilePattern(search, { ignoreCase: true });
    return (text) => pattern.test(text);
  } catch {
    const wanted = search.toLowerCase();
    return (text) => text.toLowerCase().includes(wanted);
  }
}

export function filterLogLines(buffer: LogBuffer, query: LogQuery): readonly BufferedLine[] {
  const found = query.only ? compileSearch(query.search) : undefined;
  const { container, taskId, previous } = query;
  if (found === undefined && container === undefined && !previous) return buffer.lines;
  return buffer.lines.filter(
    (line) =>
      (container === undefined || line.source === container) &&
      (!previous || line.taskId !== taskId) &&
      (found === undefined || found(line.text)),
  );
}

/**
 * Index of the next matching line before (`-1`) or after (`1`) `at`; undefined if there is none.
 */
export function findLine(
  lines: readonly BufferedLine[],
  search: string,
  at: number,
  step: 1 | -1,
): number | undefined {
  const found = compileSearch(search);
  if (found === undefined) return undefined;
  for (let index = at + step; index >= 0 && index < lines.length; index += step) {
    if (found(lines[index]?.text ?? '')) return index;
  }
  return undefined;
}

/** The line as saved to a file. */
export function formatLogLine({ stamp, source, text }: BufferedLine): string {
  return `${stamp} ${source} | ${text}`;
}
