import test from 'ava';
import { ComposeError } from '../../../../cli/compose/error.js';
import { findMark, resolvePosition } from '../../../../cli/compose/yaml/tree.js';
import { keyFinder } from '../../../../cli/compose/yaml/yaml-events.js';
import { parseYaml } from '../../../../cli/compose/yaml/yaml.js';

const source = (text: string) => ({ file: 'f.yaml', text });

function placeOf(text: string, ...path: (string | number)[]): string {
  const place = resolvePosition(findMark(parseYaml(source(text))[0]?.root ?? null, path));
  return place === undefined ? 'none' : `${String(place.line)}:${String(place.column)}`;
}

function refusal(text: string): string {
  const error = (() => {
    try {
      parseYaml(source(text));
    } catch (thrown) {
      return thrown;
    }
    return undefined;
  })();
  if (!(error instanceof ComposeError)) throw new Error('accepted');
  return error.message;
}

test('places are those of the file where flow lines are indented less than their key', (t) => {
  const text = 'a:\n  b: &x [\n1,\n  {c: "two\nlines", d: !!str 3}]\n  e: *x\n  f: {g: *x}\n';
  t.is(placeOf(text, 'a', 'b'), '2:3');
  t.is(placeOf(text, 'a', 'b', 0), '3:1');
  t.is(placeOf(text, 'a', 'b', 1, 'c'), '4:4');
  t.is(placeOf(text, 'a', 'b', 1, 'd'), '5:9');
  t.is(placeOf(text, 'a', 'e'), '6:3');
  t.is(placeOf(text, 'a', 'f', 'g'), '7:7');
});

test('anchors, tags and values are read at their original offsets', (t) => {
  const [document] = parseYaml(source('a: &one [\n!!str 1,\n*two,\n]\n'.replace('*two', '"2"')));
  t.deepEqual(JSON.parse(JSON.stringify(document?.root)), { a: ['1', '2'] });
  const [again] = parseYaml(source('x: &one 7\na: [\n*one,\n!!str 8\n]\n'));
  t.deepEqual(JSON.parse(JSON.stringify(again?.root)), { x: 7, a: [7, '8'] });
});

test('syntax errors have the place of the original text', (t) => {
  t.regex(refusal('a: "x\n'), /^f\.yaml:\d+:\d+: yaml: /u);
  t.regex(refusal('a: [\n1,\nb: }\n'), /^f\.yaml:3:\d+: yaml: /u);
  t.regex(refusal('a:\n - 1\n  b: 2\n'), /^f\.yaml:\d+:\d+: yaml: /u);
});

test('quoted values and keys begin at their quotes', (t) => {
  t.is(placeOf('a:\n  "b": 1\n  \'c\': 2\n', 'a', 'b'), '2:3');
  t.is(placeOf('a:\n  "b": 1\n  \'c\': 2\n', 'a', 'c'), '3:3');
  t.is(placeOf('a: ["x", y, *z]\n'.replace('*z', "'z'"), 'a', 2), '1:13');
});

test('the finder knows keys of mappings and items of lists by the offset of their container', (t) => {
  const find = keyFinder(source('a: {b: 1, c: [x, *k]}\nd: &k 2\n'.replace('*k', 'y')));
  t.is(find(3, 'b'), 4);
  t.is(find(3, 'c'), 10);
  t.is(find(13, 0), 14);
  t.is(find(13, 1), 17);
  t.is(find(3, '1'), undefined);
  t.is(find(999, 'b'), undefined);
});

test('items of a list that are aliases have their own places', (t) => {
  t.is(placeOf('a: &k 1\nb:\n  - *k\n  - *k\n', 'b', 1), '4:5');
});
