import type { Paint } from './color.js';
import type { Meter } from './meter.js';
import { oneLine } from './table.js';
import type { TextSink } from './terminal.js';

/** One resource and how far it is. */
export interface ProgressRow {
  /** `Container todo-web-1`, `Network todo_default`. */
  readonly id: string;
  /** docker compose's word: Creating, Created, Starting, Started, … */
  readonly text: string;
  readonly state: 'working' | 'done' | 'warning' | 'error';
  /** Where it is, or why it is not further. */
  readonly detail?: string;
  /** How much of it is done, as a bar: changes often, so it is shown only where lines are repainted. */
  readonly meter?: Meter;
}

export const progressModes = ['auto', 'tty', 'plain', 'json', 'quiet'] as const;
export type ProgressMode = (typeof progressModes)[number];

/** Shows rows while work goes on. `show` takes all rows each time; `end` leaves the last state standing. */
export interface Progress {
  show(title: string, rows: readonly ProgressRow[]): void;
  end(): void;
}

export interface ProgressOptions {
  readonly mode: ProgressMode;
  readonly sink: TextSink;
  readonly paint: Paint;
  /** Escape sequences may be used: not so with `--ansi never`. */
  readonly ansi: boolean;
  readonly now: () => number;
}

export const quietProgress: Progress = { show: () => undefined, end: () => undefined };

/** Calls back with the rows whose text or detail differ from what was shown last. */
function changedRows(write: (row: ProgressRow) => void): Progress {
  const shown = new Map<string, string>();
  return {
    show: (_title, rows) => {
      for (const row of rows) {
        const key = `${row.text} ${row.detail ?? ''}`;
        if (shown.get(row.id) === key) continue;
        shown.set(row.id, key);
        write(row);
      }
    },
    end: () => undefined,
  };
}

/** One line per change: what pipes and log files get. */
export function plainProgress(sink: TextSink): Progress {
  return changedRows((row) => {
    const detail = row.detail === undefined || row.detail === '' ? '' : `  ${row.detail}`;
    sink.write(` ${oneLine(`${row.id}  ${row.text}${detail}`)}\n`);
  });
}

const jsonStatus = {
  working: 'Working',
  done: 'Done',
  warning: 'Warning',
  error: 'Error',
} as const;

/** One JSON object per change, with docker compose's fields. */
export function jsonProgress(sink: TextSink): Progress {
  return changedRows(({ id, text, state, detail }) => {
    sink.write(`${JSON.stringify({ id, status: jsonStatus[state], text, details: detail })}\n`);
  });
}
