import { AppError } from '../../manager/common/base/errors.js';

/** Formats seconds with one decimal, for progress output: `0.4s`, `12.0s`. */
export function elapsedSeconds(ms: number): string {
  return `${(Math.max(0, ms) / 1000).toFixed(1)}s`;
}

const factors: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * Parses a duration such as `1h30m` or `250ms` to milliseconds; undefined if the text is not one.
 */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/u.test(text)) return undefined;
  let total = 0;
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/gu)) {
    total += Number(number) * (factors[unit ?? ''] ?? 0);
  }
  return total;
}

/**
 * Parses the duration of a flag to milliseconds: the format of `parseDuration`, or days (`90d`).
 * Throws `invalid` with the flag's name.
 */
export function parseLifetime(flag: string, text: string): number {
  const days = /^(\d+)d$/u.exec(text)?.[1];
  const ms = days === undefined ? parseDuration(text) : Number(days) * 86_400_000;
  if (ms !== undefined) return ms;
  throw new AppError(
    'invalid',
    `${flag} "${text}": not a duration; use a value such as 90d, 24h or 30m`,
  );
}

/**
 * Parses the point in time of `--since` and `--until`: RFC 3339, seconds since the epoch, or a
 * duration before `now`. Returns milliseconds since the epoch; undefined for any other text.
 */
export function parseMoment(text: string, now: number): number | undefined {
  const duration = parseDuration(text);
  if (duration !== undefined) return now - duration;
  if (/^\d+(\.\d+)?$/u.test(text)) return Number(text) * 1000;
  if (!/^\d{4}-\d{2}-\d{2}([T ]|$)/u.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}
