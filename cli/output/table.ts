const gap = '   ';

/** Control characters and combining marks. */
const noWidth: readonly (readonly [number, number])[] = [
  [0, 0x1f],
  [0x7f, 0x9f],
  [0x300, 0x36f],
];

/** East Asian scripts and emoji (Unicode's East Asian Width W and F, in whole blocks). */
const doubleWidth: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0xa4cf],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0x1f300, 0x1faff],
];

/**
 * Returns the terminal columns of a text: wide characters count twice, combining marks not at all.
 */
export function textWidth(text: string): number {
  let width = 0;
  for (const char of text) width += charWidth(char.codePointAt(0) ?? 0);
  return width;
}

function charWidth(code: number): number {
  const within = ([from, to]: readonly [number, number]): boolean => code >= from && code <= to;
  if (noWidth.some(within)) return 0;
  return doubleWidth.some(within) ? 2 : 1;
}
export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - textWidth(text)));
}

/** Truncates a text to `width` columns; the last column of a truncated text is an ellipsis. */
export function fit(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let cut = '';
  let used = 0;
  for (const char of text) {
    const wide = charWidth(char.codePointAt(0) ?? 0);
    if (used + wide > width - 1) break;
    cut += char;
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
