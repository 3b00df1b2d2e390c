import { AppError } from '../../manager/common/base/errors.js';

/** `KEY=VALUE` texts of a repeated flag; a key alone has an empty value. Throws `invalid` without a key. */
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
