import { AppError } from '../../manager/common/base/errors.js';
import { parseMoment } from '../output/duration.js';

/** Parses a time flag to ms since the epoch; undefined if absent. Throws `invalid`. */
export function parseTimeFlag(
  flag: string,
  text: string | undefined,
  now: number,
): number | undefined {
  if (text === undefined) return undefined;
  const at = parseMoment(text, now);
  if (at !== undefined) return at;
  throw new AppError(
    'invalid',
    `invalid ${flag} "${text}": use a duration (42m), RFC 3339 or seconds since the epoch`,
  );
}
