import { AppError } from '../../manager/common/base/errors.js';
import type { Labels } from '../../manager/common/model/meta.js';

/** What `--filter KEY=VALUE` can ask of an item, by key. A test may throw `invalid` for a value that is none. */
export type FilterTests<T> = Readonly<Record<string, (item: T, value: string) => boolean>>;

/**
 * `--filter` as docker reads it: values of one key are alternatives, different keys must all hold, and so
 * must every label. Throws `invalid` for a key that is not there, naming those that are.
 */
export function compileFilters<T>(
  entries: readonly string[] | undefined,
  tests: FilterTests<T>,
): (item: T) => boolean {
  const wanted = new Map<string, string[]>();
  for (const entry of entries ?? []) {
    const at = entry.indexOf('=');
    const key = entry.slice(0, Math.max(0, at));
    if (tests[key] === undefined) {
      const keys = Object.keys(tests).map((name) => `${name}=`);
      throw new AppError(
        'invalid',
        `invalid --filter "${entry}": use ${keys.join(', ')} with a value`,
      );
    }
    wanted.set(key, [...(wanted.get(key) ?? []), entry.slice(at + 1)]);
  }
  return (item) =>
    [...wanted].every(([key, values]) => {
      const test = (value: string): boolean => tests[key]?.(item, value) ?? false;
      return key.endsWith('label') ? values.every(test) : values.some(test);
    });
}

/** `label=KEY` or `label=KEY=VALUE`. */
export function hasLabel(labels: Labels, wanted: string): boolean {
  const [key = '', ...value] = wanted.split('=');
  const found = labels[key];
  return value.length === 0 ? found !== undefined : found === value.join('=');
}

/** One of the words that a value may be; throws `invalid` with all of them. */
export function oneOf<Word extends string>(
  what: string,
  value: string,
  words: readonly Word[],
): Word {
  const found = words.find((word) => word === value.toLowerCase());
  if (found !== undefined) return found;
  throw new AppError('invalid', `unknown ${what} "${value}": use one of ${words.join(', ')}`);
}
