import test from 'ava';
import { fileWith, refusalOf, serviceWith } from '../../../helpers/compose/load-files.js';

const file = (mode: string): string =>
  fileWith(`configs: [{source: s, mode: ${mode}}]`, 'configs: {s: {content: c}}\n');

test('a mode is octal text or a number, 0 included', (t) => {
  const mode = (text: string): number | undefined =>
    serviceWith(t, `configs: [{source: s, mode: ${text}}]`, 'configs: {s: {content: c}}\n').task
      .container.files[0]?.mode;
  t.is(mode('"0440"'), 0o440);
  t.is(mode('0440'), 0o440);
  t.is(mode('288'), 0o440);
  t.is(mode('0'), 0);
  t.is(mode('"0"'), 0);
});

test('a mode that is negative or not octal is refused', (t) => {
  t.regex(refusalOf(t, { 'compose.yaml': file('-1') }), /mode: is negative; write octal digits/u);
  for (const text of ['"8"', '"x"', '"12345670"']) {
    t.regex(
      refusalOf(t, { 'compose.yaml': file(text) }),
      /mode: ".*" is not a file mode; write octal digits as 0440$/u,
      `mode ${text}`,
    );
  }
});
