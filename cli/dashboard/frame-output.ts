import { EventEmitter } from 'node:events';
import type { Surface } from './screens/app.js';

/** The part of a terminal's stream that is written to. */
export interface Target {
  write(text: string): boolean;
  once(event: 'drain', listener: () => void): unknown;
}

/** Terminals that know it show what is between at once (mode 2026, synchronized output); others ignore it. */
const begin = '\u001b[?2026h';
const end = '\u001b[?2026l';

/**
 * The terminal's screen as lines. Only those that differ from what is shown are written, each to its place,
 * so nothing flickers or scrolls; while a slow terminal is behind, frames are left out.
 */
export class FrameOutput implements Surface {
  readonly #target: Target;
  #shown: readonly string[] = [];
  #latest: string[] = [];
  #blocked = false;

  constructor(target: Target) {
    this.#target = target;
  }

  readonly line = (at: number, text: string): void => {
    this.#latest[at] = text;
  };

  readonly flush = (height: number): void => {
    this.#latest.length = height;
    this.#write();
  };

  /** Forgets what is on the screen: all of it is written anew with the next frame. */
  reset(): void {
    this.#shown = [];
  }

  #write(): void {
    if (this.#blocked) return;
    const text = difference(this.#shown, this.#latest);
    this.#shown = [...this.#latest];
    if (text === '') return;
    if (this.#target.write(begin + text + end)) return;
    this.#blocked = true;
    this.#target.once('drain', () => {
      this.#blocked = false;
      this.#write();
    });
  }
}

/** CUP to each line that differs, its text, EL; lines that are no longer there are erased. */
function difference(shown: readonly string[], wanted: readonly string[]): string {
  const parts: string[] = shown.length === 0 ? ['\u001b[2J'] : [];
  const height = Math.max(shown.length, wanted.length);
  for (let row = 0; row < height; row += 1) {
    const line = wanted[row] ?? '';
    if (line === shown[row]) continue;
    parts.push(`\u001b[${row + 1};1H${line}\u001b[0m\u001b[K`);
  }
  return parts.join('');
}

/** What Ink is given to write to, as the rows have written already what is to be seen. */
export class NoOutput extends EventEmitter {
  readonly columns = 80;
  readonly rows = 24;
  readonly write = (): boolean => true;
}
