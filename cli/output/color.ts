export type Color =
  | 'red'
  | 'green'
  | 'yellow'
  | 'blue'
  | 'magenta'
  | 'cyan'
  | 'gray'
  | 'brightCyan'
  | 'brightYellow'
  | 'brightGreen'
  | 'brightMagenta'
  | 'brightBlue';

const codes: Readonly<Record<Color, string>> = {
  red: '31',
  green: '32',
  yellow: '33',
  blue: '34',
  magenta: '35',
  cyan: '36',
  gray: '90',
  brightCyan: '1;36',
  brightYellow: '1;33',
  brightGreen: '1;32',
  brightMagenta: '1;35',
  brightBlue: '1;34',
};

/** Colours of log prefixes, in docker compose's order; red is reserved for errors. */
const rainbow: readonly Color[] = [
  'cyan',
  'yellow',
  'green',
  'magenta',
  'blue',
  'brightCyan',
  'brightYellow',
  'brightGreen',
  'brightMagenta',
  'brightBlue',
];

export type Paint = (color: Color, text: string) => string;

export const paint: Paint = (color, text) => `\u001b[${codes[color]}m${text}\u001b[0m`;
export const noPaint: Paint = (_, text) => text;

/** Returns the colour of the n-th source of log lines, counted from 0. */
export function rainbowColor(index: number): Color {
  return rainbow[index % rainbow.length] ?? 'cyan';
}
