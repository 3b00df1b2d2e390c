import test from 'ava';
import { parseDotenv, parseRawEnv } from '../../../../cli/compose/interpolation/dotenv.js';

const environment: Readonly<Record<string, string>> = { HOME: '/home/ann', A: 'shell' };

function parse(text: string, parser = parseDotenv): Readonly<Record<string, string>> {
  const result = new Map<string, string>();
  parser({ file: '.env', text }, result, (name) => environment[name]);
  return Object.fromEntries(result);
}

for (const [title, rows] of [
  [
    'lines are a name and a value, separated by = or :',
    [
      ['', {}],
      ['B=1', { B: '1' }],
      ['B=1\nC=2\n', { B: '1', C: '2' }],
      ['B: 1', { B: '1' }],
      ['  B  =  1  ', { B: '1' }],
      ['B=', { B: '' }],
      ['B=\nC=2', { B: '', C: '2' }],
      ['a.b-c[0]=1', { 'a.b-c[0]': '1' }],
      ['é1=x', { é1: 'x' }],
      ['B=1\nB=2', { B: '2' }],
      ['B=x=y:z', { B: 'x=y:z' }],
      ['B=1\r\nC=2\r\n', { B: '1', C: '2' }],
    ],
  ],
  [
    'comments and export are left out',
    [
      ['# all\n\n  # of it', {}],
      ['#a\nB=1', { B: '1' }],
      ['B=1 # one', { B: '1' }],
      ['B=a#b', { B: 'a#b' }],
      ['export B=1', { B: '1' }],
      ['export \t B=1\nexport C=2', { B: '1', C: '2' }],
      ['exported=1', { exported: '1' }],
    ],
  ],
  [
    'a name alone has the value of the environment or none',
    [
      ['HOME', { HOME: '/home/ann' }],
      ['NONE', {}],
      ['NONE\nB=1\nHOME\n', { B: '1', HOME: '/home/ann' }],
    ],
  ],
  [
    'single quotes are literal, also over several lines',
    [
      [`B='$HOME # x'`, { B: '$HOME # x' }],
      [`B='a\nb'\nC=2`, { B: 'a\nb', C: '2' }],
      [String.raw`B='a\'b\n'`, { B: String.raw`a'b\n` }],
    ],
  ],
  [
    'double quotes have escapes and references',
    [
      ['B="$HOME # x"', { B: '/home/ann # x' }],
      [String.raw`B="a\tb\nc\"d\\e"`, { B: 'a\tb\nc"d\\e' }],
      [String.raw`B="\a\b\f\r\v"`, { B: '\u0007\b\f\r\v' }],
      [String.raw`B="\$HOME"`, { B: '$HOME' }],
      [String.raw`B="\0101\0189\c\q"`, { B: String.raw`A\0189\c\q` }],
      ['B="a\nb" \nC=2', { B: 'a\nb', C: '2' }],
    ],
  ],
  [
    'references take the environment before earlier lines',
    [
      ['B=1\nC=$B', { B: '1', C: '1' }],
      ['A=file\nC=${A}', { A: 'file', C: 'shell' }],
      ['B=${NONE:-d}', { B: 'd' }],
      ['B=$$x', { B: '$x' }],
    ],
  ],
] as const) {
  test(title, (t) => {
    for (const [text, expected] of rows)
      t.deepEqual({ [text]: parse(text) }, { [text]: expected } as never);
  });
}

test('faults are refused with their place', (t) => {
  for (const [text, message] of [
    [
      'A=1\nB!=1',
      '.env:2:2: unexpected character "!" in a variable name; use letters, digits, _, . and -',
    ],
    ['a b=1', '.env:1:1: variable name "a b" contains a space; remove it'],
    ['B="a', '.env:1:3: unterminated quote "; add the closing quote'],
    [`A=1\n B='a\n`, `.env:2:4: unterminated quote '; add the closing quote`],
    ['B=${', '.env:1:3: invalid interpolation format in "${"; write $$ for a literal dollar sign'],
    ['B="${C?no}"', '.env:1:3: required variable C is missing a value: no'],
  ] as const) {
    t.is(t.throws(() => parse(text)).message, message);
  }
});

test('raw files keep values as they are', (t) => {
  const text = `# c\n\n  B= "x" # y \nHOME\nNONE\nC=$HOME=1\r\n`;
  t.deepEqual(parse(text, parseRawEnv), { B: ' "x" # y ', HOME: '/home/ann', C: '$HOME=1' });
  for (const [line, message] of [
    ['A=1\nB C=1', '.env:2:1: variable "B C" contains white space; remove it'],
    ['A=1\nB=2\n=3', '.env:3:1: no variable name on line "=3"; write KEY=VALUE'],
  ] as const) {
    t.is(t.throws(() => parse(line, parseRawEnv)).message, message);
  }
});
