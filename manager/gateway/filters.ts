import { AppError, messageOf } from '../common/base/errors.js';
import type { Pattern } from '../common/base/pattern.js';
import { compilePattern, isPlainText } from '../common/base/pattern.js';
import type { Labels } from '../common/model/meta.js';

/** Most regular expressions in one request. */
const maxPatterns = 16;

/** Filter values by key: an object must match one value of every key. */
export type QueryFilters = ReadonlyMap<string, readonly string[]>;

/**
 * Parses the `filters` query parameter: `{"key":{"value":true}}`, or `{"key":["value"]}` from old
 * clients. A key without values is no filter. Throws `invalid` for other shapes and for keys that
 * are not in `known`; without it any key is accepted.
 */
export function parseQueryFilters(query: URLSearchParams, known?: readonly string[]): QueryFilters {
  const text = query.get('filters') ?? '';
  if (text === '') return new Map();
  const filters = new Map<string, readonly string[]>();
  for (const [key, wanted] of Object.entries(parseObject(text))) {
    if (known?.includes(key) === false) {
      throw new AppError('invalid', `invalid filter '${key}'`);
    }
    const values = valuesOf(key, wanted);
    if (key === 'name') checkPatterns(values);
    if (values.length > 0) filters.set(key, values);
  }
  return filters;
}

/** Throws `invalid` for too many regular expressions or one that is too large. */
function checkPatterns(names: readonly string[]): void {
  const patterns = names.filter((name) => !isPlainText(name));
  if (patterns.length > maxPatterns) {
    throw new AppError(
      'invalid',
      `filter 'name': at most ${String(maxPatterns)} regular expressions are allowed`,
    );
  }
  for (const pattern of patterns) compileName(pattern);
}

function parseObject(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch (error) {
    throw new AppError('invalid', 'filters: not valid JSON', { cause: error });
  }
  throw new AppError('invalid', 'filters: must be a JSON object');
}

function valuesOf(key: string, wanted: unknown): readonly string[] {
  if (Array.isArray(wanted)) {
    const all: readonly unknown[] = wanted;
    if (all.every((value) => typeof value === 'string')) return all;
  } else if (typeof wanted === 'object' && wanted !== null) {
    return Object.entries(wanted).flatMap(([value, isOn]) => (isOn === true ? [value] : []));
  }
  throw new AppError('invalid', `filter '${key}': must be a list of values`);
}

/** True if there is no filter for the key or one of its values passes the test. */
export function matchesFilter(
  filters: QueryFilters,
  key: string,
  test: (value: string) => boolean,
): boolean {
  return filters.get(key)?.some(test) ?? true;
}

/** True if the labels match every `label` filter: `key` or `key=value`. */
export function hasLabels(filters: QueryFilters, labels: Labels): boolean {
  return (filters.get('label') ?? []).every((wanted) => {
    const at = wanted.indexOf('=');
    if (at === -1) return Object.hasOwn(labels, wanted);
    return labels[wanted.slice(0, at)] === wanted.slice(at + 1);
  });
}

/** Matches a name like the Docker Engine: as a substring or a regular expression. */
export function matchesName(name: string, wanted: string): boolean {
  if (name.includes(wanted)) return true;
  return !isPlainText(wanted) && compileName(wanted).test(name);
}

function compileName(wanted: string): Pattern {
  try {
    return compilePattern(wanted);
  } catch (error) {
    throw new AppError('invalid', `invalid filter 'name=${wanted}': ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Boolean filter: `true`, `1`, `t` or `false`, `0`, `f`. Undefined if there is no such filter. */
export function flagFilter(filters: QueryFilters, key: string): boolean | undefined {
  const value = filters.get(key)?.[0];
  if (value === undefined) return undefined;
  if (['true', '1', 't', 'True', 'TRUE'].includes(value)) return true;
  if (['false', '0', 'f', 'False', 'FALSE'].includes(value)) return false;
  throw new AppError('invalid', `invalid filter '${key}=${value}'`);
}

/** Filters of every prune request. */
export const pruneFilters = ['label', 'label!', 'until'];

/** True if the labels match every `label` filter and no `label!` filter. */
export function passesLabels(filters: QueryFilters, labels: Labels): boolean {
  const excluded = filters.get('label!') ?? [];
  return (
    hasLabels(filters, labels) &&
    !excluded.some((label) => hasLabels(new Map([['label', [label]]]), labels))
  );
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * Filter `until` in ms since the epoch: Unix seconds, a date, or a Go duration before `now` such as
 * `24h`. Infinity if there is no such filter.
 */
export function untilFilter(filters: QueryFilters, now: number): number {
  const [value, second] = filters.get('until') ?? [];
  if (value === undefined) return Infinity;
  if (second !== undefined) {
    throw new AppError('invalid', 'more than one until filter specified');
  }
  if (/^\d+(?:\.\d+)?$/u.test(value)) return Number(value) * 1000;
  if (/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/u.test(value)) {
    const parts = [...value.matchAll(/([\d.]+)(ms|s|m|h)/gu)];
    return now - parts.reduce((sum, [, n, unit = '']) => sum + Number(n) * (unitMs[unit] ?? 0), 0);
  }
  const at = Date.parse(value);
  if (Number.isNaN(at)) throw new AppError('invalid', `invalid filter 'until=${value}'`);
  return at;
}
