import test from 'ava';
import { printYaml } from '../../../../cli/compose/yaml/yaml-print.js';

const printed = (value: unknown): string => printYaml(value).trimEnd();

test('texts that a parser would read as another type are double-quoted', (t) => {
  for (const text of [
    ...['true', 'False', 'null', '~', '1', '-1', '0x1f', '0o17', '1_000', '1.5', '.5', '.inf'],
    ...['y', 'N', 'yes', 'NO', 'on', 'Off', '1:20', '-1:20:59', '+12:5', '2020-01-31'],
  ]) {
    t.is(printed([text]), `- "${text}"`);
  }
});

test('texts that only begin or end like another type stay plain', (t) => {
  for (const text of [
    ...['yesterday', 'xy', 'non', 'once', 'coffee', '1:60', '1:2x', 'x1:20', ':20', 'truer', '1a'],
  ]) {
    t.is(printed([text]), `- ${text}`);
  }
});

test('texts of spaces only are single-quoted, also as keys', (t) => {
  t.is(printed({ a: ' ', b: '  ' }), "a: ' '\nb: '  '");
  t.is(printed({ ' ': 1 }), "' ': 1");
  t.is(printed(['\t']), '- "\\t"');
  t.is(printed(['\n']), '- "\\n"');
  t.is(printed([' x']), "- ' x'");
});

test('other types are printed without quotes', (t) => {
  t.is(printed({ a: true, b: null, c: 1, d: 1.5 }), 'a: true\nb: null\nc: 1\nd: 1.5');
});

test('keys of a mapping are sorted with numbers in order, fields of a structure are not', (t) => {
  t.is(printed({ 'x.a10': 1, 'x.a2': 2 }), 'x.a2: 2\nx.a10: 1');
  t.is(printed({ image: 'x', command: null }), 'image: x\ncommand: null');
});

test('the indentation is two columns unless given', (t) => {
  t.is(printYaml({ a: { b: 1 } }), 'a:\n  b: 1\n');
  t.is(printYaml({ a: { b: 1 } }, { indent: 4 }), 'a:\n    b: 1\n');
});

test('long lines are not folded and repeated values are not aliases', (t) => {
  const long = 'word '.repeat(60).trim();
  t.is(printed([long]), `- ${long}`);
  const shared = { b: 1 };
  t.is(printed({ x: shared, y: shared }), 'x:\n  b: 1\n"y":\n  b: 1');
});
