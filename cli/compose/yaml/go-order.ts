import { byCodeUnit } from '../decode/reader.js';

/**
 * True if the keys are those of a mapping, not the fields of a structure. The model holds the keys
 * of mappings in code unit order. A structure whose fields happen to be in that order counts as
 * well; `byGoKey` leaves it as it is, because field names consist of small letters and underscores.
 */
export function areMapKeys(keys: readonly string[]): boolean {
  const named = keys.filter((key) => !arrayIndex.test(key));
  if (named.length < keys.length) return true;
  return named.every((key, index) => index === 0 || byCodeUnit(named[index - 1] ?? '', key) <= 0);
}

/** JavaScript moves keys that are array indices to the front; structures have none. */
const arrayIndex = /^(0|[1-9][0-9]{0,9})$/;

const letter = /\p{L}/u;
const digit = /\p{Nd}/u;

/**
 * Compares keys like Go's YAML encoder: numbers in keys by value, letters after other characters.
 * Source: gopkg.in/yaml.v3, sorter.go.
 */
export function byGoKey(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)];
  const length = Math.min(left.length, right.length);
  let at = 0;
  while (at < length && left[at] === right[at]) at += 1;
  if (at === length) return left.length - right.length;
  const [x = '', y = ''] = [left[at], right[at]];
  const [xIsLetter, yIsLetter] = [letter.test(x), letter.test(y)];
  if (xIsLetter && yIsLetter) return byCodeUnit(x, y);
  if (xIsLetter || yIsLetter) {
    // After a digit letters come first: the number ends there.
    const afterDigit = at > 0 && digit.test(left[at - 1] ?? '');
    return xIsLetter === afterDigit ? -1 : 1;
  }
  return byNumber(left, right, at) || byCodeUnit(x, y);
}

/** Compares the numbers at the first difference, then the number of their digits. */
function byNumber(left: readonly string[], right: readonly string[], at: number): number {
  const [x, y] = [digitsFrom(left, at), digitsFrom(right, at)];
  const isZero = left[at] === '0' || right[at] === '0';
  // A zero inside a number counts by the digits before it, a leading zero does not.
  const lead = isZero && hasLeadingDigit(left, at) ? '1' : '';
  return Number(`${lead}${x}` || '0') - Number(`${lead}${y}` || '0') || x.length - y.length;
}

function digitsFrom(text: readonly string[], at: number): string {
  let end = at;
  while (end < text.length && digit.test(text[end] ?? '')) end += 1;
  return text.slice(at, end).join('');
}

function hasLeadingDigit(text: readonly string[], at: number): boolean {
  for (let index = at - 1; index >= 0 && digit.test(text[index] ?? ''); index -= 1)
    if (text[index] !== '0') return true;
  return false;
}
