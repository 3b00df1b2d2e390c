import { AppError } from '../common/base/errors.js';

/** Boolean query parameter, parsed like the Docker Engine's `BoolValue`. */
export function flagParameter(query: URLSearchParams, key: string): boolean {
  const value = (query.get(key) ?? '').toLowerCase().trim();
  return !['', '0', 'no', 'false', 'none'].includes(value);
}

/** Time parameter in ms: Unix seconds with an optional fraction, or a date. Undefined if absent. */
export function timeParameter(query: URLSearchParams, key: string): number | undefined {
  const value = query.get(key) ?? '';
  if (value === '') return undefined;
  if (/^-?\d+(\.\d+)?$/u.test(value)) return Math.round(Number(value) * 1000);
  const at = Date.parse(value);
  if (Number.isNaN(at)) throw new AppError('invalid', `${key}=${value}: invalid timestamp`);
  return at;
}

/**
 * Time parameter in nanoseconds: Unix seconds with an optional fraction, or a date. Undefined if
 * absent.
 */
export function nanosParameter(query: URLSearchParams, key: string): bigint | undefined {
  const value = query.get(key) ?? '';
  const matched = /^(\d+)(?:\.(\d{1,9}))?$/u.exec(value);
  if (matched === null) {
    const at = timeParameter(query, key);
    return at === undefined ? undefined : BigInt(at) * 1_000_000n;
  }
  const [, seconds = '0', fraction = ''] = matched;
  return BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'));
}

/** Integer parameter with an optional sign; undefined if absent. */
export function integerParameter(query: URLSearchParams, key: string): number | undefined {
  const value = query.get(key) ?? '';
  if (value === '') return undefined;
  if (!/^[+-]?\d+$/u.test(value)) {
    throw new AppError('invalid', `${key}=${value}: must be an integer`);
  }
  return Number(value);
}

/** Non-negative integer parameter; undefined if absent. */
export function countParameter(query: URLSearchParams, key: string): number | undefined {
  const value = query.get(key) ?? '';
  if (value === '') return undefined;
  if (!/^\d+$/u.test(value))
    throw new AppError('invalid', `${key}=${value}: must be a non-negative integer`);
  return Number(value);
}
