import { AppError } from '../../manager/common/base/errors.js';
import type { Labels } from '../../manager/common/model/meta.js';

/**
 * Predicates of `--filter KEY=VALUE` by key. A predicate may throw `invalid` for an invalid value.
 */
export type FilterPredicates<T> = Readonly<Record<string, (item: T, value: string) => boolean>>;

/**
 * Compiles `--filter` arguments with docker's semantics: values of one key are alternatives;
 * different keys and all labels must match. Throws `invalid` with the valid keys for an unknown
 * key.
 */
export function compileFilters<T>(
  entries: readonly string[] | undefined,
  tests: FilterPredicates<T>,
): (item: T) => boolean {
  const values = new Map<string, string[]>();
  for (const entry of entries ?? []) {
    const at = entry.indexOf('=');
    const key = entry.slice(0, Math.max(0, at));
    if (tests[key] === undefined) {
      const keys = Object.keys(tests).map((name) => `${name}=`);
      throw new AppError(
        'invalid',
        `invalid --filter "${entry}"; use ${keys.join(', ')} with a value`,
      );
    }
    values.set(key, [...(values.get(key) ?? []), entry.slice(at + 1)]);
  }
  return (item) =>
    [...values].every(([key, alternatives]) => {
      const test = (value: string): boolean => tests[key]?.(item, value) ?? false;
      return key.endsWith('label') ? alternatives.every(test) : alternatives.some(test);
    });
}

/** Tests the value of `label=KEY` or `label=KEY=VALUE`. */
export function hasLabel(labels: Labels, filter: string): boolean {
  const [key = '', ...value] = filter.split('=');
  const found = labels[key];
  return value.length === 0 ? found !== undefined : found === value.join('=');
}

/**
 * Returns the allowed value that equals `value` in lower case; throws `invalid` with all allowed
 * ones.
 */
export function parseChoice<Choice extends string>(
  what: string,
  value: string,
  choices: readonly Choice[],
): Choice {
  const found = choices.find((choice) => choice === value.toLowerCase());
  if (found !== undefined) return found;
  throw new AppError('invalid', `unknown ${what} "${value}"; use one of ${choices.join(', ')}`);
}
