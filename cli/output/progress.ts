import type { Paint } from './color.js';
import type { Meter } from './meter.js';
import { oneLine } from './table.js';
import type { TextSink } from './terminal.js';

/** The progress of one resource. */
export interface ProgressRow {
  /** `Container todo-web-1`, `Network todo_default`. */
  readonly id: string;
  /** docker compose's status text: Creating, Created, Starting, Started, … */
  readonly text: string;
  readonly state: 'working' | 'done' | 'warning' | 'error';
  /** The node, or the reason for a delay or failure. */
  readonly detail?: string;
  /** Progress bar; changes often, so only the repainting writer shows it. */
  readonly meter?: Meter;
}

export const progressModes = ['auto', 'tty', 'plain', 'json', 'quiet'] as const;
export type ProgressMode = (typeof progressModes)[number];

/**
 * A progress writer. `show` takes all rows each time; `end` leaves the last state on the screen.
 */
export interface ProgressWriter {
  show(title: string, rows: readonly ProgressRow[]): void;
  end(): void;
}

export interface ProgressOptions {
  readonly mode: ProgressMode;
  readonly sink: TextSink;
  readonly paint: Paint;
  /** True if escape sequences are allowed; false with `--ansi never`. */
  readonly ansi: boolean;
  readonly now: () => number;
}

export const quietProgress: ProgressWriter = { show: () => undefined, end: () => undefined };

/** Calls `write` for each row whose text or detail changed since it was last shown. */
function changedRows(write: (row: ProgressRow) => void): ProgressWriter {
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

/** Writes one line per change, for pipes and log files. */
export function plainProgress(sink: TextSink): ProgressWriter {
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

/** Writes one JSON object per change, with docker compose's fields. */
export function jsonProgress(sink: TextSink): ProgressWriter {
  return changedRows(({ id, text, state, detail }) => {
    sink.write(`${JSON.stringify({ id, status: jsonStatus[state], text, details: detail })}\n`);
  });
}
