import { graphemes, oneLine, textWidth } from '../../../output/table.js';

/** Bidirectional controls and zero-width characters, which can disguise a name. */
const invisible = /[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/gu;

/** Sanitizes external text: no control sequences, line breaks or invisible characters. */
export function sanitizeText(text: string): string {
  return oneLine(text).replace(invisible, '');
}

/** The longest prefix that fits into `width` columns. */
function head(text: string, width: number): string {
  let used = 0;
  let out = '';
  for (const char of graphemes(text)) {
    used += textWidth(char);
    if (used > width) break;
    out += char;
  }
  return out;
}

function tail(text: string, width: number): string {
  let used = 0;
  let out = '';
  for (const char of [...graphemes(text)].reverse()) {
    used += textWidth(char);
    if (used > width) break;
    out = char + out;
  }
  return out;
}

/**
 * Truncates in the middle, so that replica numbers stay visible: `web-frontend-3` is `web-fr…-3`.
 */
export function fitMiddle(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  if (width <= 1) return head(text, width);
  const end = Math.floor((width - 1) / 3);
  return `${head(text, width - 1 - end)}…${tail(text, end)}`;
}

/** Truncates or pads to exactly `width` columns. */
export function fitCell(text: string, width: number, right = false): string {
  const cut = fitMiddle(text, width);
  const fill = ' '.repeat(Math.max(0, width - textWidth(cut)));
  return right ? fill + cut : cut + fill;
}

/** `5s`, `12m`, `3h`, `4d`: an age in at most four columns. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 100) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 100) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 72) return `${hours}h`;
  return `${Math.floor(hours / 24)}d`;
}

/** Splits text into pieces of at most `width` columns. */
export function wrapText(text: string, width: number): readonly string[] {
  if (textWidth(text) <= width || width < 2) return [text];
  const lines: string[] = [];
  let line = '';
  let used = 0;
  for (const char of graphemes(text)) {
    const wide = textWidth(char);
    if (used + wide > width) {
      lines.push(line);
      line = '';
      used = 0;
    }
    line += char;
    used += wide;
  }
  return line === '' ? lines : [...lines, line];
}
