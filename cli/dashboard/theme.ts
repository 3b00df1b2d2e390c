import type { Line, Style } from './view-model/paint/spans.js';

/** SGR parameters by style (ECMA-48 §8.3.117); empty for the terminal's default. */
type Theme = Readonly<Record<Style, string>>;

const dark: Theme = {
  plain: '',
  dim: '90',
  bold: '1',
  good: '32',
  warn: '33',
  bad: '1;31',
  accent: '36',
  title: '1;36',
  selected: '30;46',
  marked: '1;33',
  s0: '96',
  s1: '94',
  s2: '95',
  s3: '92',
  s4: '93',
  s5: '34',
};

const light: Theme = {
  ...dark,
  dim: '2',
  warn: '35',
  accent: '34',
  title: '1;34',
  selected: '97;44',
  marked: '1;35',
  s0: '36',
  s1: '34',
  s2: '35',
  s3: '32',
  s4: '31',
  s5: '1;34',
};

/** Without colours: weight and inversion only. */
const mono: Theme = {
  ...dark,
  dim: '',
  good: '',
  warn: '',
  bad: '1',
  accent: '',
  title: '1',
  selected: '7',
  marked: '1',
  s0: '',
  s1: '',
  s2: '',
  s3: '',
  s4: '',
  s5: '',
};

export const themes = { dark, light, mono } as const;
export type ThemeName = keyof typeof themes;

/** Renders a line with SGR sequences; never empty, because Ink gives an empty line no height. */
export function toAnsi(line: Line, theme: Theme): string {
  const text = line
    .map((item) => {
      const code = theme[item.style];
      return code === '' || item.text === '' ? item.text : `\u001b[${code}m${item.text}\u001b[0m`;
    })
    .join('');
  return text === '' ? ' ' : text;
}
