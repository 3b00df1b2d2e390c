import { RE2JS } from 're2js';
import { AppError, messageOf } from './errors.js';

/** Longest regular expression that a user may give, in characters. */
const maxLength = 256;
/** Bound for the compiled size, in instructions of the matcher. */
const maxSize = 500;
const keptPatterns = 64;

export interface Pattern {
  /** True if some part of the text matches. */
  test(text: string): boolean;
}

const plainText = /^[\w /:@-]*$/u;

/** True if the text has no meaning beyond itself as a regular expression. */
export function isPlainText(text: string): boolean {
  return plainText.test(text);
}

const compiled = new Map<string, Pattern>();

/**
 * Compiles a user's regular expression in RE2 syntax, as Go and therefore Docker have it. Matching
 * takes time linear in the text. Throws `invalid` for a malformed, long or large expression.
 */
export function compilePattern(
  source: string,
  { ignoreCase = false }: { readonly ignoreCase?: boolean } = {},
): Pattern {
  const key = `${ignoreCase ? 'i' : ''}/${source}`;
  const known = compiled.get(key);
  if (known !== undefined) return known;
  checkSize(source);
  try {
    const pattern = RE2JS.compile(source, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
    if (compiled.size >= keptPatterns) compiled.clear();
    compiled.set(key, pattern);
    return pattern;
  } catch (error) {
    throw new AppError('invalid', `not a regular expression in RE2 syntax: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Bounds length and repetitions before the compiler expands them: `(x{30}){30}` has 900 steps. */
function checkSize(source: string): void {
  if (source.length > maxLength) {
    throw new AppError(
      'invalid',
      `regular expression: is longer than ${String(maxLength)} characters; use a shorter one`,
    );
  }
  let size = source.length;
  let factor = 1;
  for (const [, group = '', least = '', most = ''] of source.matchAll(
    /(\)?)\{(\d+)(?:,(\d*))?\}/gu,
  )) {
    const count = Math.max(1, Number(least), Number(most));
    if (group === '') size += count;
    else factor *= count;
  }
  if (size * factor > maxSize) {
    throw new AppError(
      'invalid',
      `regular expression: its repetitions have more than ${String(maxSize)} steps; use smaller counts`,
    );
  }
}
