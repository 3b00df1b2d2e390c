import { AppError } from '../../common/base/errors.js';

/** Version of the object that an update was made from. Throws `invalid` if it is missing. */
export function versionParameter(query: URLSearchParams, what: string): number {
  const text = query.get('version') ?? '';
  if (/^\d{1,15}$/u.test(text)) return Number(text);
  throw new AppError(
    'invalid',
    `invalid ${what} version '${text}': strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
  );
}
