const gap = '   ';

/** Made at first use: the data that it loads takes 30 ms, and most output is ASCII. */
let segmenter: Intl.Segmenter | undefined;
const ascii = /^[\u0020-\u007e]*$/;
const noWidth = /^[\p{Cc}\p{Cf}\p{Mn}\p{Me}]$/u;
/** Emoji in colour, which terminals draw two columns wide, also with joiners and modifiers. */
const emoji = /\p{Emoji_Presentation}|\p{Emoji}\ufe0f/u;

/** East Asian scripts and symbols (Unicode's East Asian Width W and F, in whole blocks). */
const doubleWidth: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0xa4cf],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0x1f300, 0x1f64f],
  [0x1f680, 0x1faff],
  [0x20000, 0x3fffd],
];

/** Splits a text into what a terminal draws as one character. */
export function graphemes(text: string): readonly string[] {
  if (ascii.test(text)) return Array.from(text);
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

/**
 * Returns the terminal columns of a text: wide characters and emoji count twice, combining marks
 * and invisible characters not at all.
 */
export function textWidth(text: string): number {
  if (ascii.test(text)) return text.length;
  return graphemes(text).reduce((width, grapheme) => width + graphemeWidth(grapheme), 0);
}

function graphemeWidth(grapheme: string): number {
  if (emoji.test(grapheme)) return 2;
  const base = Array.from(grapheme).find((char) => !noWidth.test(char));
  if (base === undefined) return 0;
  const code = base.codePointAt(0) ?? 0;
  return doubleWidth.some(([from, to]) => code >= from && code <= to) ? 2 : 1;
}

export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - textWidth(text)));
}

/** Truncates a text to `width` columns; the last column of a truncated text is an ellipsis. */
export function fit(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let cut = '';
  let used = 0;
  for (const grapheme of graphemes(text)) {
    const wide = graphemeWidth(grapheme);
    if (used + wide > width - 1) break;
    cut += grapheme;
    used += wide;
  }
  return width <= 0 ? '' : `${cut}…`;
}

/** Replaces control characters, so that a cell cannot break the table or control the terminal. */
export function oneLine(text: string): string {
  // eslint-disable-next-line no-control-regex -- the pattern matches control characters
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
}

/**
 * Formats a table as docker does: columns as wide as their widest cell, separated by three spaces.
 */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows].map((row) => row.map(oneLine));
  const widths = header.map((_, column) =>
    Math.max(...all.map((row) => textWidth(row[column] ?? ''))),
  );
  return all.map((row) => line(row, widths)).join('');
}

function line(row: readonly string[], widths: readonly number[]): string {
  const cells = widths.map((width, column) => padEnd(row[column] ?? '', width));
  return `${cells.join(gap).trimEnd()}\n`;
}
