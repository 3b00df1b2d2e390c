import { compilePattern } from '../../../../manager/common/base/pattern.js';
import type { Labels } from '../../../../manager/common/model/meta.js';

/** The part of a row that filters match. */
export interface Filterable {
  readonly text: string;
  readonly labels: Labels;
}

export interface RowFilter {
  readonly matches: (item: Filterable) => boolean;
  /** Why the text is not a valid filter; it is then incomplete or matched literally. */
  readonly problem?: string;
}

const everything: RowFilter = { matches: () => true };

/**
 * Parses a filter: `re` a case-insensitive regular expression, `!re` its inverse, `-l
 * key=value,key2` labels, `-f text` the letters in that order. Text that is not a valid expression
 * is matched literally.
 */
export function parseRowFilter(text: string): RowFilter {
  const trimmed = text.trim();
  if (trimmed === '' || trimmed === '!') return everything;
  if (trimmed.startsWith('-l')) return labelFilter(trimmed.slice(2).trim());
  if (trimmed.startsWith('-f')) return fuzzyFilter(trimmed.slice(2).trim());
  if (trimmed.startsWith('!')) {
    const { matches, ...rest } = textFilter(trimmed.slice(1));
    return { ...rest, matches: (item) => !matches(item) };
  }
  return textFilter(trimmed);
}

function textFilter(text: string): RowFilter {
  // Fast path: plain words are by far the most common.
  if (/^[\w .:/-]+$/u.test(text) && !text.includes('.')) return contains(text);
  try {
    const pattern = compilePattern(text, { ignoreCase: true });
    return { matches: (item) => pattern.test(item.text) };
  } catch {
    return { ...contains(text), problem: 'not a regular expression, matched literally' };
  }
}

function contains(text: string): RowFilter {
  const wanted = text.toLowerCase();
  return { matches: (item) => item.text.toLowerCase().includes(wanted) };
}

function labelFilter(text: string): RowFilter {
  if (text === '') return { ...everything, problem: 'expected key or key=value' };
  const wanted = text.split(',').map((part) => {
    const [key = '', ...value] = part.trim().split('=');
    return { key, value: value.length === 0 ? undefined : value.join('=') };
  });
  return {
    matches: ({ labels }) =>
      wanted.every(({ key, value }) => {
        const found = labels[key];
        return value === undefined ? found !== undefined : found === value;
      }),
  };
}

function fuzzyFilter(text: string): RowFilter {
  const letters = Array.from(text.toLowerCase()).filter((letter) => letter !== ' ');
  return {
    matches: (item) => {
      let at = 0;
      const within = item.text.toLowerCase();
      for (const letter of letters) {
        at = within.indexOf(letter, at) + 1;
        if (at === 0) return false;
      }
      return true;
    },
  };
}
