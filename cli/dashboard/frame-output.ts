import { EventEmitter } from 'node:events';

/** The part of a terminal's stream that is written to. */
export interface Target {
  write(text: string): boolean;
  once(event: 'drain', listener: () => void): unknown;
  readonly columns: number;
  readonly rows: number;
}

/** Terminals that know it show what is between at once (mode 2026, synchronized output); others ignore it. */
const begin = '\u001b[?2026h';
const end = '\u001b[?2026l';

/**
 * What Ink writes its frames to, whole. Only lines that differ from those on the screen go on, each to its
 * place, so nothing flickers or scrolls; while a slow terminal is behind, frames are left out.
 */
export class FrameOutput extends EventEmitter {
  readonly #target: Target;
  #shown: readonly string[] = [];
  #latest: readonly string[] = [];
  #blocked = false;
  /** Frames that something of went to the terminal. */
  frames = 0;

  constructor(target: Target) {
    super();
    this.#target = target;
  }

  get columns(): number {
    return this.#target.columns;
  }

  get rows(): number {
    return this.#target.rows;
  }

  readonly write = (frame: string): boolean => {
    this.#latest = frame.replace(/\n$/u, '').split('\n');
    this.#flush();
    return true;
  };

  /** Forgets what is on the screen: the next frame is written whole. */
  reset(): void {
    this.#shown = [];
  }

  #flush(): void {
    if (this.#blocked) return;
    const text = difference(this.#shown, this.#latest);
    this.#shown = this.#latest;
    if (text === '') return;
    this.frames += 1;
    if (this.#target.write(begin + text + end)) return;
    this.#blocked = true;
    this.#target.once('drain', () => {
      this.#blocked = false;
      this.#flush();
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
