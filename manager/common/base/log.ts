/**
 * Structured logger: one JSON line per message, written to standard error and collected by
 * journald.
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** Returns a logger that adds `fields` to every line. */
  child(fields: LogFields): Logger;
}

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

const levels = ['debug', 'info', 'warn', 'error'] as const;
type Level = (typeof levels)[number];

export function jsonLogger(
  level: Level,
  write: (line: string) => void,
  now: () => number,
  bound: LogFields = {},
): Logger {
  const log = (at: Level, message: string, fields: LogFields = {}): void => {
    if (levels.indexOf(at) < levels.indexOf(level)) return;
    write(
      `${JSON.stringify({ time: new Date(now()).toISOString(), level: at, message, ...bound, ...fields })}\n`,
    );
  };
  return {
    debug(message, fields) {
      log('debug', message, fields);
    },
    info(message, fields) {
      log('info', message, fields);
    },
    warn(message, fields) {
      log('warn', message, fields);
    },
    error(message, fields) {
      log('error', message, fields);
    },
    child: (fields) => jsonLogger(level, write, now, { ...bound, ...fields }),
  };
}
