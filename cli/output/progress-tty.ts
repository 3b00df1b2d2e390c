import { elapsedSeconds } from './duration.js';
import { meterBar } from './meter.js';
import type { ProgressWriter, ProgressOptions, ProgressRow } from './progress.js';
import { fit, oneLine, padEnd, textWidth } from './table.js';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const;
const repaintMs = 100;
const hideCursor = '\u001b[?25l';
const showCursor = '\u001b[?25h';
const clearLine = '\u001b[2K';

interface TimedRow extends ProgressRow {
  readonly startedAt: number;
  readonly endedAt: number | undefined;
}

/** Repaints a block of lines in place, like docker compose. */
export class TtyProgress implements ProgressWriter {
  readonly #options: ProgressOptions;
  readonly #rows = new Map<string, TimedRow>();
  readonly #timer: NodeJS.Timeout;
  #title = '';
  #painted = 0;
  #frame = 0;
  #ended = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
    options.sink.write(hideCursor);
    this.#timer = setInterval(() => {
      this.#frame += 1;
      this.#paint(false);
    }, repaintMs);
    this.#timer.unref();
  }

  show(title: string, rows: readonly ProgressRow[]): void {
    this.#title = title;
    const now = this.#options.now();
    for (const row of rows) {
      const before = this.#rows.get(row.id);
      const ended = row.state === 'working' ? undefined : (before?.endedAt ?? now);
      this.#rows.set(row.id, { ...row, startedAt: before?.startedAt ?? now, endedAt: ended });
    }
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#timer);
    this.#paint(true);
    this.#options.sink.write(showCursor);
  }

  #paint(last: boolean): void {
    if (this.#rows.size === 0) return;
    const room = last ? Number.POSITIVE_INFINITY : Math.max(3, this.#options.sink.rows - 2);
    const lines = this.#lines(room);
    const up = this.#painted === 0 ? '' : `\u001b[${this.#painted}A`;
    const text = lines.map((line) => `${clearLine}${line}\n`).join('');
    // Clear to the end of the screen: a shorter block leaves old lines below it.
    this.#options.sink.write(`${up}${text}\u001b[J`);
    this.#painted = lines.length;
  }

  #lines(room: number): readonly string[] {
    const rows = [...this.#rows.values()];
    const done = rows.filter(({ state }) => state !== 'working').length;
    const shown = visibleRows(rows, room - 1);
    const idWidth = Math.max(...shown.map(({ id }) => textWidth(id)));
    const textColumn = Math.max(...shown.map(({ text }) => textWidth(text)));
    const header = `[+] ${this.#title} ${done}/${rows.length}`;
    return [header, ...shown.map((row) => this.#line(row, idWidth, textColumn))];
  }

  #line(row: TimedRow, idWidth: number, textColumn: number): string {
    const { paint, sink, now } = this.#options;
    const time = elapsedSeconds((row.endedAt ?? now()) - row.startedAt).padStart(7);
    const mark = {
      working: frames[this.#frame % frames.length] ?? '.',
      done: '✔',
      warning: '!',
      error: '✘',
    }[row.state];
    const color = ({ working: 'blue', done: 'green', warning: 'yellow', error: 'red' } as const)[
      row.state
    ];
    const left = ` ${padEnd(row.id, idWidth)}  ${padEnd(row.text, textColumn)}  ${oneLine(detailText(row))}`;
    const width = Math.max(20, sink.columns - 2 - time.length - 1);
    return ` ${paint(color, mark)}${padEnd(fit(left, width), width)}${paint('blue', time)}`;
  }
}

/** `node-1 [=====>              ] 12.3MB/45MB` */
function detailText({ detail = '', meter }: ProgressRow): string {
  if (meter === undefined) return detail;
  return `${detail === '' ? '' : `${detail} `}${meterBar(meter)}`;
}

/**
 * Selects at most `room` rows; unfinished and failed rows take precedence over done ones; keeps
 * order.
 */
export function visibleRows<Row extends ProgressRow>(
  rows: readonly Row[],
  room: number,
): readonly Row[] {
  if (rows.length <= room) return rows;
  const first = rows.filter(({ state }) => state !== 'done').slice(0, room);
  const rest = rows.filter(({ state }) => state === 'done').slice(0, room - first.length);
  const keep = new Set([...first, ...rest]);
  return rows.filter((row) => keep.has(row));
}
