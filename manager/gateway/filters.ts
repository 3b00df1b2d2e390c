import { AppError } from '../common/base/errors.js';
import type { Labels } from '../common/model/meta.js';

/** Wanted values by key: one of each key's must fit. */
export type Filters = ReadonlyMap<string, readonly string[]>;

/**
 * The `filters` of a query: `{"key":{"value":true}}`, or `{"key":["value"]}` of old clients. Throws
 * `invalid` for what is neither, and for a key that is not among `known`.
 */
export function parseFilters(query: URLSearchParams, known: readonly string[]): Filters {
  const text = query.get('filters') ?? '';
  if (text === '') return new Map();
  const filters = new Map<string, readonly string[]>();
  for (const [key, wanted] of Object.entries(parseObject(text))) {
    if (!known.includes(key)) throw new AppError('invalid', `invalid filter '${key}'`);
    filters.set(key, valuesOf(key, wanted));
  }
  return filters;
}

function parseObject(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch (error) {
    throw new AppError('invalid', 'filters are not JSON', { cause: error });
  }
  throw new AppError('invalid', 'filters are no JSON object');
}

function valuesOf(key: string, wanted: unknown): readonly string[] {
  if (Array.isArray(wanted)) {
    const all: readonly unknown[] = wanted;
    if (all.every((value) => typeof value === 'string')) return all;
  } else if (typeof wanted === 'object' && wanted !== null) {
    return Object.entries(wanted).flatMap(([value, isOn]) => (isOn === true ? [value] : []));
  }
  throw new AppError('invalid', `filter '${key}' has no list of values`);
}

/** True when the key is not filtered by, or one of its values fits. */
export function fits(filters: Filters, key: string, test: (value: string) => boolean): boolean {
  return filters.get(key)?.some(test) ?? true;
}

/** Every label that was asked for is there: `key`, or `key=value`. */
export function hasLabels(filters: Filters, labels: Labels): boolean {
  return (filters.get('label') ?? []).every((wanted) => {
    const at = wanted.indexOf('=');
    if (at === -1) return Object.hasOwn(labels, wanted);
    return labels[wanted.slice(0, at)] === wanted.slice(at + 1);
  });
}

/** As the engine compares names: the value anywhere in it, also as a pattern. */
export function nameFits(name: string, wanted: string): boolean {
  if (name.includes(wanted)) return true;
  try {
    return new RegExp(wanted, 'u').test(name);
  } catch {
    return false;
  }
}

/** `true`, `1`, `t` and their opposites. Undefined when the key is not filtered by. */
export function flagFilter(filters: Filters, key: string): boolean | undefined {
  const value = filters.get(key)?.[0];
  if (value === undefined) return undefined;
  if (['true', '1', 't', 'True', 'TRUE'].includes(value)) return true;
  if (['false', '0', 'f', 'False', 'FALSE'].includes(value)) return false;
  throw new AppError('invalid', `invalid filter '${key}=${value}'`);
}
