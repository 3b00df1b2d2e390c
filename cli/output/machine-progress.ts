import { stripVTControlCharacters } from 'node:util';
import type { ProgressMode } from './progress.js';
import { isPrompting } from './prompt-secret.js';

/** Reports the progress of one machine. */
export interface MachineProgress {
  /** Starts a step; it ends with the next step, `done` or `failed`. */
  step(title: string, cause?: string): void;
  /** Shows the last line of a long step's output. */
  output(text: string): void;
  done(text: string): void;
  failed(text: string): void;
}

interface Row {
  readonly name: string;
  title: string;
  tail: string;
  sinceMs: number;
  readonly startedMs: number;
  state: 'busy' | 'done' | 'failed';
}

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const slowMs = 2000;

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/**
 * Progress of several machines. A terminal shows a live line per machine; otherwise each step is
 * printed when it starts, and when it ends if it took 2 s or longer. `json` prints an object per
 * line, `quiet` nothing.
 */
export class ProvisionProgress {
  readonly #stream: NodeJS.WriteStream;
  readonly #rows: Row[] = [];
  readonly #live: boolean;
  readonly #mode: ProgressMode;
  #drawn = 0;
  #frame = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(stream: NodeJS.WriteStream, mode: ProgressMode = 'auto') {
    this.#stream = stream;
    this.#mode = mode;
    const canRepaint = stream.isTTY && process.env.TERM !== 'dumb';
    this.#live = mode === 'tty' || (mode === 'auto' && canRepaint);
  }

  machine(name: string): MachineProgress {
    const now = Date.now();
    const row: Row = { name, title: '', tail: '', sinceMs: now, startedMs: now, state: 'busy' };
    this.#rows.push(row);
    if (this.#live) {
      this.#timer ??= setInterval(() => {
        this.#draw();
      }, 100);
      this.#timer.unref();
    }
    return {
      step: (title, cause) => {
        this.#step(row, title, cause);
      },
      output: (text) => {
        const line =
          stripVTControlCharacters(text)
            .trim()
            .split(/[\r\n]+/u)
            .at(-1) ?? '';
        if (line !== '') row.tail = line;
      },
      done: (text) => {
        this.#end(row, 'done', text);
      },
      failed: (text) => {
        this.#end(row, 'failed', text);
      },
    };
  }

  /** Draws the final state and stops updating. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#draw();
    this.#drawn = 0;
  }

  #step(row: Row, title: string, cause: string | undefined): void {
    this.#finishStep(row);
    row.title = cause === undefined || cause === '' ? title : `${title} (${cause})`;
    row.tail = '';
    row.sinceMs = Date.now();
    this.#say(row, row.title);
  }

  #finishStep(row: Row): void {
    const tookMs = Date.now() - row.sinceMs;
    if (row.title !== '' && tookMs >= slowMs) {
      this.#say(row, `${row.title}: done in ${seconds(tookMs)}`);
    }
  }

  #end(row: Row, state: 'done' | 'failed', text: string): void {
    if (state === 'done') this.#finishStep(row);
    row.state = state;
    row.title = `${text} (${seconds(Date.now() - row.startedMs)})`;
    row.tail = '';
    if (state === 'done' || this.#mode === 'json') this.#say(row, row.title);
  }

  #say({ name, state }: Row, text: string): void {
    if (this.#live || this.#mode === 'quiet') return;
    const status = { busy: 'Working', done: 'Done', failed: 'Error' }[state];
    this.#stream.write(
      this.#mode === 'json'
        ? `${JSON.stringify({ id: `Machine ${name}`, status, text })}\n`
        : `${name}: ${text}\n`,
    );
  }

  #draw(): void {
    if (!this.#live) return;
    if (isPrompting()) {
      // The lines are drawn again below the question.
      this.#drawn = 0;
      return;
    }
    this.#frame = (this.#frame + 1) % frames.length;
    const width = Math.max(...this.#rows.map((row) => row.name.length), 0);
    const lines = this.#rows.map((row) => {
      const mark = { busy: frames[this.#frame] ?? '', done: '✔', failed: '✘' }[row.state];
      const age = row.state === 'busy' ? `  ${seconds(Date.now() - row.sinceMs)}` : '';
      const tail = row.tail === '' ? '' : `  ${row.tail}`;
      const line = `${mark} ${row.name.padEnd(width)}  ${row.title}${age}${tail}`;
      return line.slice(0, Math.max(20, this.#stream.columns - 1));
    });
    const up = this.#drawn > 0 ? `\x1b[${String(this.#drawn)}A` : '';
    this.#stream.write(`${up}${lines.map((line) => `\r\x1b[2K${line}\n`).join('')}`);
    this.#drawn = lines.length;
  }
}
