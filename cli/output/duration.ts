import { AppError } from '../../manager/common/base/errors.js';

/** Seconds with one decimal, for progress: `0.4s`, `12.0s`. */
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

/** `1h30m`, `250ms` → milliseconds; undefined for what is no such text. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/u.test(text)) return undefined;
  let total = 0;
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/gu)) {
    total += Number(number) * (factors[unit ?? ''] ?? 0);
  }
  return total;
}

/** A duration as `parseDuration` takes it, or days: `90d`. Throws `invalid` that names the flag. */
export function parseLifetime(flag: string, text: string): number {
  const days = /^(\d+)d$/u.exec(text)?.[1];
  const ms = days === undefined ? parseDuration(text) : Number(days) * 86_400_000;
  if (ms !== undefined) return ms;
  throw new AppError('invalid', `${flag} must be a duration such as 90d, 24h or 30m, not ${text}`);
}

/**
 * A point in time as `--since` and `--until` take it: RFC 3339, seconds since the epoch, or a duration
 * before `now`. Milliseconds since the epoch; undefined for what is none of these.
 */
export function parseMoment(text: string, now: number): number | undefined {
  const duration = parseDuration(text);
  if (duration !== undefined) return now - duration;
  if (/^\d+(\.\d+)?$/u.test(text)) return Number(text) * 1000;
  if (!/^\d{4}-\d{2}-\d{2}([T ]|$)/u.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}
