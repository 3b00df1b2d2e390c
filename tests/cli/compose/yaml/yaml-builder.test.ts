import test from 'ava';
import { ComposeError } from '../../../../cli/compose/error.js';
import { findMark, resolvePosition, type Tree } from '../../../../cli/compose/yaml/tree.js';
import type { YamlDocument } from '../../../../cli/compose/yaml/yaml-builder.js';
import { parseYaml } from '../../../../cli/compose/yaml/yaml.js';

const documentsOf = (text: string): YamlDocument[] => parseYaml({ file: 'f.yaml', text });

function documentOf(text: string): YamlDocument {
  const [document] = documentsOf(text);
  if (document === undefined) throw new Error('no document');
  return document;
}

/** A tree as plain JSON, to compare mappings without a prototype. */
const plain = (tree: Tree): unknown => JSON.parse(JSON.stringify(tree)) as unknown;
const valueOf = (text: string): unknown => plain(documentOf(text).root);

/** Place and message of the refusal, `2:3 message`. */
function refusal(text: string): string {
  try {
    documentsOf(text);
    return 'accepted';
  } catch (error) {
    if (!(error instanceof ComposeError)) throw error;
    const found = /^f\.yaml:(\d+:\d+): (.*)$/su.exec(error.message);
    return found === null ? error.message : `${found[1] ?? ''} ${found[2] ?? ''}`;
  }
}

/** Line and column of a key or item, `2:3`. */
function placeOf(document: YamlDocument, ...path: (string | number)[]): string {
  const place = resolvePosition(findMark(document.root, path));
  return place === undefined ? 'none' : `${String(place.line)}:${String(place.column)}`;
}

test('every document of a file is built, an empty one as null', (t) => {
  t.deepEqual(
    documentsOf('a: 1\n---\nb: 2\n---\n').map(({ root }) => plain(root)),
    [{ a: 1 }, { b: 2 }, null],
  );
  t.deepEqual(documentsOf(''), []);
  t.deepEqual(documentsOf('# nothing\n'), []);
});

test('tags and paths belong to the document that has them', (t) => {
  const [first, second] = documentsOf('a: !reset 1\nb: !own 2\n---\nc: 3\n');
  t.deepEqual(first?.resets, [['a']]);
  t.is(first?.unknownTags.length, 1);
  t.deepEqual(second?.resets, []);
  t.deepEqual(second?.unknownTags, []);
});

test('an alias repeats the last anchor of its name before it', (t) => {
  t.deepEqual(valueOf('a: &x 1\nb: *x\nc: &x [2]\nd: *x\n'), { a: 1, b: 1, c: [2], d: [2] });
  t.deepEqual(valueOf('&k a: 1\nb: *k\n'), { a: 1, b: 'a' });
  t.is(refusal('a: *x\nb: &x 1\n'), '1:5 yaml: alias *x has no preceding anchor &x; define it');
  t.regex(refusal('a: &x 1\n---\nb: *x\n'), /^3:5 yaml: alias \*x has no preceding anchor/u);
});

test('an anchor that contains itself is refused', (t) => {
  t.is(refusal('a: &x [*x]\n'), '1:8 yaml: anchor contains itself; remove the alias');
  t.is(refusal('a: &x {b: {c: *x}}\n'), '1:15 yaml: anchor contains itself; remove the alias');
  t.deepEqual(valueOf('a: &x [1]\nb: [*x, *x]\n'), { a: [1], b: [[1], [1]] });
});

test('aliases expand to at most 250,000 nodes', (t) => {
  // Level n has 10^n items and as many lists below them.
  const levels = (count: number, last: number): string =>
    Array.from({ length: count }, (_, at) => {
      const items = at === 0 ? '1' : `*l${String(at - 1)}`;
      const length = at === count - 1 ? last : 10;
      return `l${String(at)}: &l${String(at)} [${Array(length).fill(items).join(',')}]\n`;
    }).join('');
  t.is(refusal(levels(5, 2)), 'accepted');
  t.regex(refusal(levels(6, 10)), /aliases expand to more than 250000 nodes; use fewer aliases$/u);
});

test('nodes may be nested 100 levels deep, also by aliases', (t) => {
  const nested = (depth: number): string => `a: ${'['.repeat(depth)}${']'.repeat(depth)}\n`;
  t.is(refusal(nested(90)), 'accepted');
  t.regex(refusal(nested(110)), /nesting exceeded maxDepth \(100\)$/u);
  const chain = (depth: number): string =>
    Array.from(
      { length: depth },
      (_, at) => `k${String(at)}: &k${String(at)} [${at === 0 ? '1' : `*k${String(at - 1)}`}]\n`,
    ).join('');
  t.is(refusal(chain(90)), 'accepted');
  t.regex(refusal(chain(110)), /nested more than 100 levels deep; flatten the file$/u);
});

test('a reset drops its value and an override keeps it, both with their paths', (t) => {
  const { root, resets } = documentOf(
    'a: !reset {b: [1], c: 2}\nd:\n  e: !override [1]\n  f: !reset null\ng: 3\n',
  );
  t.deepEqual(plain(root), { d: { e: [1] }, g: 3 });
  t.deepEqual(resets, [['a'], ['d', 'e'], ['d', 'f']]);
  t.deepEqual(plain(documentOf('!reset {a: 1}').root), null);
});

test('in a list a reset drops its item and records no path', (t) => {
  const document = documentOf('a:\n  - !reset one\n  - two\n  - {b: !reset 1, c: !override [2]}\n');
  t.deepEqual(plain(document.root), { a: ['two', { c: [2] }] });
  t.deepEqual(document.resets, []);
  t.is(placeOf(document, 'a', 0), '3:5');
  t.is(placeOf(document, 'a', 1), '4:5');
  t.is(placeOf(document, 'a', 1, 'c'), '4:19');
});

test('keys and items have the places of the text', (t) => {
  const document = documentOf('a:\n  b: [1, 2]\n  "c":\n    - x\n    - y\n');
  t.is(placeOf(document, 'a'), '1:1');
  t.is(placeOf(document, 'a', 'b'), '2:3');
  t.is(placeOf(document, 'a', 'b', 1), '2:10');
  t.is(placeOf(document, 'a', 'c'), '3:3');
  t.is(placeOf(document, 'a', 'c', 1), '5:7');
});

test('a key that is set twice is refused with the line of the first', (t) => {
  t.is(
    refusal('a:\n  b: 1\n  c: 2\n  b: 3\n'),
    '4:3 a.b: key is already set on line 2; remove one',
  );
  t.regex(
    refusal('a: &x {b: 1}\nc:\n  <<: *x\n  <<: *x\n'),
    /c\.<<: key is already set on line 3/u,
  );
  t.regex(refusal('a: 1\nb: !reset 2\nb: 3\n'), /b: key is already set on line 2/u);
});

test('merge keys add keys that the mapping lacks, the first mapping first', (t) => {
  const document = documentOf(
    'x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz:\n  <<: [*x, *y]\n  a: 5\nw:\n  d: 6\n  <<: *y\n',
  );
  t.deepEqual((plain(document.root) as { z: unknown }).z, { a: 5, b: 2, c: 4 });
  t.deepEqual((plain(document.root) as { w: unknown }).w, { d: 6, b: 3, c: 4 });
  t.is(placeOf(document, 'z', 'c'), '2:14');
  t.deepEqual(valueOf('a: {<<: !reset {b: 1}, c: 2}\n'), { a: { c: 2 } });
  t.deepEqual(valueOf('a: {"<<": 1}\n'), { a: { '<<': 1 } });
  const must = 'yaml: value of << must be a mapping or a list of mappings';
  t.is(refusal('a:\n  <<: 1\n'), `2:3 ${must}`);
  t.is(refusal('a:\n  <<: [{b: 1}, 2]\n'), `2:3 ${must}`);
});

test('keys are strings', (t) => {
  t.is(refusal('a:\n  1: x\n'), '2:3 a: key must be a string: write "1" instead of 1');
  t.regex(refusal('a:\n  : x\n'), / a: key must be a string: write "" instead of an empty key$/u);
  t.is(refusal('true: x\n'), '1:1 key must be a string: write "true" instead of true');
  t.is(refusal('[a]: x\n'), '1:1 key must be a string, not a list or a mapping');
  t.is(refusal('? {a: 1}\n: x\n'), '1:3 key must be a string, not a list or a mapping');
  t.is(refusal('a: &x [1]\n*x : y\n'), '2:1 key must be a string, not a list or a mapping');
  t.is(refusal('__proto__: x\n'), '1:1 key __proto__ is not allowed; choose another name');
  t.deepEqual(valueOf('"1": x\n!!str 2: y\n'), { 1: 'x', 2: 'y' });
});

test('a tag decides the type of a value, or refuses it', (t) => {
  const typed = (tag: string, value: string): unknown => valueOf(`a: !!${tag} ${value}\n`);
  t.deepEqual(typed('str', '1'), { a: '1' });
  t.deepEqual(typed('int', '"7"'), { a: 7 });
  t.deepEqual(typed('bool', "'true'"), { a: true });
  t.deepEqual(typed('null', '"null"'), { a: null });
  t.deepEqual(typed('float', '1.5'), { a: 1.5 });
  t.deepEqual(valueOf('a: ! 1\n'), { a: '1' });
  t.deepEqual(valueOf('a: !<tag:yaml.org,2002:str> 1\n'), { a: '1' });
  t.is(refusal('a: !!float 3.0\n'), 'accepted');
  t.is(refusal('a: !!int 9007199254740993\n'), 'accepted');
  for (const [tag, value] of [
    ['int', 'x'],
    ['int', 'true'],
    ['int', '3.0'],
    ['bool', '1'],
    ['null', 'x'],
    ['float', 'x'],
  ] as const) {
    t.is(
      refusal(`a: !!${tag} ${value}\n`),
      `1:${String(7 + tag.length)} yaml: "${value}" is not of type !!${tag}`,
    );
  }
});

test('binary values are decoded from base64, in one line or several', (t) => {
  t.deepEqual(valueOf('a: !!binary aGVsbG8=\n'), { a: 'hello' });
  t.deepEqual(valueOf('a: !!binary |\n  aGVs\n  bG8=\n'), { a: 'hello' });
  for (const text of ['aGVsbG8', 'a?==', '====', 'aGVsbG8=='])
    t.regex(refusal(`a: !!binary "${text}"\n`), /value of !!binary must be base64/u);
});

test('a tag without meaning is a warning with its place, not an error', (t) => {
  const { root, unknownTags } = documentOf(
    'a: !own [1]\nb: !!set {c: 1}\nd: !!map {e: !!seq []}\n',
  );
  t.deepEqual(plain(root), { a: [1], b: { c: 1 }, d: { e: [] } });
  t.deepEqual(unknownTags, [
    'f.yaml:1:4: tag !own has no meaning here and is ignored; remove it',
    'f.yaml:2:4: tag !!set has no meaning here and is ignored; remove it',
  ]);
});

test('a zero byte in a quoted value is refused', (t) => {
  t.regex(refusal('a: "x\\0"\n'), /^1:\d+ yaml: control characters are not allowed; remove them$/u);
});
