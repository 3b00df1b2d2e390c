import { AppError } from '../common/base/errors.js';

/** Go's words for true, as the engine reads a flag of a query. */
export function flag(query: URLSearchParams, key: string): boolean {
  const value = (query.get(key) ?? '').toLowerCase().trim();
  return !['', '0', 'no', 'false', 'none'].includes(value);
}

/** A point in time as clients send it, seconds with nanoseconds behind a point, in ms. */
export function moment(query: URLSearchParams, key: string): number | undefined {
  const value = query.get(key) ?? '';
  if (value === '') return undefined;
  if (/^-?\d+(\.\d+)?$/u.test(value)) return Math.round(Number(value) * 1000);
  const at = Date.parse(value);
  if (Number.isNaN(at)) throw new AppError('invalid', `${key}=${value} is no time`);
  return at;
}

/** A whole number, not negative. */
export function count(query: URLSearchParams, key: string): number | undefined {
  const value = query.get(key) ?? '';
  if (value === '') return undefined;
  if (!/^\d+$/u.test(value)) throw new AppError('invalid', `${key}=${value} is no number`);
  return Number(value);
}
