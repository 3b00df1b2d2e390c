import { AppError } from '../../../manager/common/base/errors.js';
import { padEnd, fit } from '../table.js';
import { compare, isTruthy, formatValue, lengthOf } from './values.js';

export interface TemplateFunction {
  readonly minArgs: number;
  /** Infinity for any number. */
  readonly maxArgs: number;
  readonly run: (...args: readonly unknown[]) => unknown;
}

function fn(least: number, most: number, run: TemplateFunction['run']): TemplateFunction {
  return { minArgs: least, maxArgs: most, run };
}

function list(name: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value as readonly unknown[];
  throw new AppError('invalid', `template: ${name} requires a list, got ${formatValue(value)}`);
}

function indexed(value: unknown, key: unknown): unknown {
  if (Array.isArray(value) || typeof value === 'string') {
    const at = Number(key);
    if (at >= 0 && at < value.length) return value[at] as unknown;
    throw new AppError('invalid', `template: index ${formatValue(key)} is out of range`);
  }
  if (typeof value !== 'object' || value === null) {
    throw new AppError(
      'invalid',
      `template: index requires a list or map, got ${formatValue(value)}`,
    );
  }
  const name = formatValue(key);
  return Object.hasOwn(value, name) ? (value as Readonly<Record<string, unknown>>)[name] : '';
}

/** Returns the first value with the given truth, else the last value: Go's `and` and `or`. */
function firstByTruth(values: readonly unknown[], truth: boolean): unknown {
  const at = values.findIndex((value) => isTruthy(value) === truth);
  return values.at(at);
}

const isSame = (a: unknown, b: unknown): boolean => compare(a, b) === 0 && typeof a === typeof b;

/**
 * Functions of Go's text/template and of docker (https://docs.docker.com/engine/cli/formatting/).
 */
export const templateFunctions: Readonly<Record<string, TemplateFunction>> = {
  json: fn(1, 1, (value) => (value === undefined ? 'null' : JSON.stringify(value))),
  upper: fn(1, 1, (text) => formatValue(text).toUpperCase()),
  lower: fn(1, 1, (text) => formatValue(text).toLowerCase()),
  title: fn(1, 1, (text) =>
    formatValue(text).replace(/(?<![\p{L}\p{N}])\p{L}/gu, (c) => c.toUpperCase()),
  ),
  join: fn(2, 2, (items, separator) =>
    list('join', items).map(formatValue).join(formatValue(separator)),
  ),
  split: fn(2, 2, (text, separator) => formatValue(text).split(formatValue(separator))),
  truncate: fn(2, 2, (text, length) =>
    Array.from(formatValue(text)).slice(0, Number(length)).join(''),
  ),
  pad: fn(3, 3, (text, before, after) =>
    formatValue(text) === ''
      ? ''
      : ' '.repeat(Math.max(0, Number(before))) +
        formatValue(text) +
        ' '.repeat(Math.max(0, Number(after))),
  ),
  len: fn(1, 1, (value) => {
    const size = lengthOf(value);
    if (size !== undefined) return size;
    throw new AppError('invalid', `template: ${formatValue(value)} has no length`);
  }),
  index: fn(2, Number.POSITIVE_INFINITY, (value, ...keys) => keys.reduce(indexed, value)),
  slice: fn(1, 3, (value, from = 0, to) => {
    const items = typeof value === 'string' ? value : list('slice', value);
    return items.slice(Number(from), to === undefined ? undefined : Number(to));
  }),
  print: fn(0, Number.POSITIVE_INFINITY, (...values) => values.map(formatValue).join('')),
  println: fn(0, Number.POSITIVE_INFINITY, (...values) => `${values.map(formatValue).join(' ')}\n`),
  printf: fn(1, Number.POSITIVE_INFINITY, (format, ...values) =>
    formatted(formatValue(format), values),
  ),
  not: fn(1, 1, (value) => !isTruthy(value)),
  and: fn(1, Number.POSITIVE_INFINITY, (...values) => firstByTruth(values, false)),
  or: fn(1, Number.POSITIVE_INFINITY, (...values) => firstByTruth(values, true)),
  eq: fn(2, Number.POSITIVE_INFINITY, (a, ...values) => values.some((b) => isSame(a, b))),
  ne: fn(2, 2, (a, b) => !isSame(a, b)),
  lt: fn(2, 2, (a, b) => compare(a, b) < 0),
  le: fn(2, 2, (a, b) => compare(a, b) <= 0),
  gt: fn(2, 2, (a, b) => compare(a, b) > 0),
  ge: fn(2, 2, (a, b) => compare(a, b) >= 0),
};

/** Formats like Go's Printf: verbs %s %v %d %q %t %x %f %g with width, `-`, `0` and precision. */
function formatted(format: string, values: readonly unknown[]): string {
  const left = [...values];
  return format.replace(/%(-?)(0?)(\d*)(?:\.(\d+))?([svdqtxfgc%])/gu, (...found: string[]) => {
    const [, minus, zero, width, digits, verb = ''] = found;
    if (verb === '%') return '%';
    const text = verbText(verb, left.shift(), digits);
    const size = Number(width);
    return minus === '' ? text.padStart(size, zero === '' ? ' ' : '0') : padEnd(text, size);
  });
}

function verbText(verb: string, value: unknown, digits: string | undefined): string {
  switch (verb) {
    case 'q':
      return JSON.stringify(formatValue(value));
    case 'x':
      return typeof value === 'number'
        ? value.toString(16)
        : Buffer.from(formatValue(value)).toString('hex');
    case 'd':
      return Math.trunc(Number(value)).toString();
    case 'f':
      return Number(value).toFixed(digits === undefined ? 6 : Number(digits));
    default:
      return digits === undefined ? formatValue(value) : fit(formatValue(value), Number(digits));
  }
}
