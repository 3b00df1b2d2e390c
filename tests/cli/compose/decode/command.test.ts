import test from 'ava';
import fc from 'fast-check';
import { splitCommand } from '../../../../cli/compose/decode/command.js';

for (const [title, rows] of [
  [
    'white space separates words',
    [
      ['', []],
      [' \t\n', []],
      ['a', ['a']],
      ['  a\tb \r\n c ', ['a', 'b', 'c']],
    ],
  ],
  [
    'quotes keep white space and the other quote, and make empty words',
    [
      [`'a b' "c d"`, ['a b', 'c d']],
      [`a'b c'd`, ['ab cd']],
      [`"it's" 'say "hi"'`, [`it's`, 'say "hi"']],
      [`'' "" a`, ['', '', 'a']],
      [`"a;b|c" '<>&'`, ['a;b|c', '<>&']],
      [`"(a)" '(b)'`, ['(a)', '(b)']],
      ['"`" b', ['`', 'b']],
    ],
  ],
  [
    'a backslash makes the next character ordinary, except in single quotes',
    [
      [String.raw`a\ b`, ['a b']],
      [String.raw`"a\"b"`, ['a"b']],
      [String.raw`'a\b'`, [String.raw`a\b`]],
      [String.raw`\;a \' \\`, [';a', "'", '\\']],
    ],
  ],
  [
    'the command ends at a separator outside of quotes',
    [
      ['a b; c', ['a', 'b']],
      ['a && b', ['a']],
      ['a|b', ['a']],
      ['a <in', ['a']],
      ['a >out', ['a']],
      ['a 2>err', ['a']],
      ['a b>out', ['a', 'b']],
      ['a x2>out', ['a', 'x2']],
    ],
  ],
  [
    'a substitution is one word',
    [
      ['echo $(date -u; x) b', ['echo', '$(date -u; x)', 'b']],
      ['echo `date -u | x` b', ['echo', '`date -u | x`', 'b']],
      ['$(a "b")', ['$(a "b")']],
      ['`(a)`', ['`(a)`']],
    ],
  ],
  [
    'an open quote, bracket or backslash makes a line invalid',
    [
      [`'a`, undefined],
      ['"a', undefined],
      ['`a', undefined],
      ['$(a', undefined],
      ['a\\', undefined],
      ['a(b)', undefined],
      ['$((a))', undefined],
      ['a)', undefined],
    ],
  ],
] as const) {
  test(title, (t) => {
    for (const [line, words] of rows)
      t.deepEqual({ [line]: splitCommand(line) }, { [line]: words });
  });
}

test('any words come back from their quoted forms, with double quotes and backslashes', (t) => {
  fc.assert(
    fc.property(fc.array(fc.string(), { minLength: 1 }), (words) => {
      const quoted = words.map((word) => `"${word.replaceAll(/["\\]/gu, String.raw`\$&`)}"`);
      t.deepEqual(splitCommand(quoted.join(' ')), words);
    }),
  );
});
