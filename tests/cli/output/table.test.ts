import test from 'ava';
import fc from 'fast-check';
import { fit, oneLine, table, textWidth } from '../../../cli/output/table.js';

test('columns are as wide as their widest cell, separated by three spaces', (t) => {
  t.is(
    table(
      ['NAME', 'X'],
      [
        ['a', 'b'],
        ['longer', 'c'],
      ],
    ),
    'NAME     X\na        b\nlonger   c\n',
  );
});

test('wide characters count as two columns', (t) => {
  t.is(textWidth('日本'), 4);
  t.is(textWidth('e\u0301'), 1);
  t.is(
    table(
      ['A', 'B'],
      [
        ['日', 'x'],
        ['abc', 'y'],
      ],
    ),
    'A     B\n日    x\nabc   y\n',
  );
});

test('control characters in a cell are replaced', (t) => {
  t.is(oneLine('a\nb\u001b[31mc'), 'a b [31mc');
});

test('a text is truncated to the available columns', (t) => {
  t.is(fit('abcdef', 4), 'abc…');
  t.is(fit('abc', 4), 'abc');
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 1, max: 20 }), (text, width) => {
      t.true(textWidth(fit(text, width)) <= width);
    }),
  );
});

test('widths are those of terminals', (t) => {
  const widths = {
    '👍🏽': 2,
    '👨‍👩‍👧': 2,
    '🇩🇪': 2,
    '⌚': 2,
    '✅': 2,
    '1️⃣': 2,
    '✔': 1,
    '●': 1,
    é: 1,
    한국: 4,
    '\u200bx': 1,
    '\u00ad': 0,
    '\ufe0f': 0,
    '𠀋': 2,
  };
  const measured = Object.keys(widths).map((text) => [text, textWidth(text)] as const);
  t.deepEqual(Object.fromEntries(measured), widths);
});

test('a joined emoji is not cut in two', (t) => {
  t.is(fit('👨‍👩‍👧👨‍👩‍👧', 3), '👨‍👩‍👧…');
});
