import { EventEmitter } from 'node:events';
import type { Surface } from './screens/app.js';

/** The part of a terminal stream that FrameOutput needs. */
export interface FrameTarget {
  write(text: string): boolean;
  once(event: 'drain', listener: () => void): unknown;
}

/** Synchronized output (mode 2026): the terminal applies the frame at once, or ignores the mode. */
const begin = '\u001b[?2026h';
const end = '\u001b[?2026l';

/**
 * Writes frames to the terminal line by line. Only changed lines are written, each at its position,
 * so nothing flickers or scrolls; frames are skipped while a slow terminal is behind.
 */
export class FrameOutput implements Surface {
  readonly #target: FrameTarget;
  #shown: readonly string[] = [];
  #latest: string[] = [];
  #blocked = false;

  constructor(target: FrameTarget) {
    this.#target = target;
  }

  readonly line = (at: number, text: string): void => {
    this.#latest[at] = text;
  };

  readonly flush = (height: number): void => {
    this.#latest.length = height;
    this.#write();
  };

  /** Invalidates the screen: the next frame writes all lines. */
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

/** For each changed line CUP, its text and EL; surplus lines are erased. */
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

/** Output stream for Ink that discards everything: FrameOutput writes the rows. */
export class NullOutput extends EventEmitter {
  readonly columns = 80;
  readonly rows = 24;
  readonly write = (): boolean => true;
}
