import { AppError } from '../../manager/common/base/errors.js';

/**
 * Parses `KEY=VALUE` from a repeatable flag; a bare key has an empty value. Throws `invalid` for an
 * empty key.
 */
export function keyValues(
  flag: string,
  texts: readonly string[] | undefined,
): Readonly<Record<string, string>> {
  const entries = (texts ?? []).map((text): readonly [string, string] => {
    const at = text.indexOf('=');
    const key = at < 0 ? text : text.slice(0, at);
    if (key === '') throw new AppError('invalid', `invalid ${flag} "${text}": use KEY=VALUE`);
    return [key, at < 0 ? '' : text.slice(at + 1)];
  });
  return Object.fromEntries(entries);
}
