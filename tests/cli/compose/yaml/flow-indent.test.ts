import test from 'ava';
import fc from 'fast-check';
import { ComposeError } from '../../../../cli/compose/error.js';
import { indentFlowLines } from '../../../../cli/compose/yaml/flow-indent.js';
import { findMark, resolvePosition } from '../../../../cli/compose/yaml/tree.js';
import { parseYaml } from '../../../../cli/compose/yaml/yaml.js';

function valueOf(text: string): unknown {
  return JSON.parse(JSON.stringify(parseYaml({ file: 'f', text })[0]?.root));
}

const word = fc.constantFrom('a', '"b c"', "'d'", 'it is', '&x e', '!!str 1', '"[ #"', "'{'");
const flow = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3 },
    word,
    fc.array(tie('node'), { maxLength: 3 }).map((items) => `[@${items.join(',@')}@]`),
    fc
      .array(tie('node'), { maxLength: 3 })
      .map((items) => `{@${items.map((item, at) => `k${String(at)}: ${item}`).join(',@')}@}`),
  ),
})).node;

test('flow collections have the same value at every indentation', (t) => {
  const indent = fc.integer({ min: 0, max: 9 });
  fc.assert(
    fc.property(flow, fc.array(indent, { minLength: 1 }), (node, indents) => {
      let at = 0;
      const broken = node.replaceAll('@', () => {
        at += 1;
        return `\n${' '.repeat(indents[at % indents.length] ?? 0)}`;
      });
      const text = (value: string): string => `top:\n  list:\n    - key: ${value}\n      next: 1\n`;
      t.deepEqual(valueOf(text(broken)), valueOf(text(node.replaceAll('@', ' '))));
    }),
  );
});

test('tabs between the tokens of a flow collection are spaces, others stay', (t) => {
  t.deepEqual(valueOf('k:\n  a: [\ta\tb\t,\t"c\td",\t{\te:\tf\t}\t]\n'), {
    k: { a: ['a\tb', 'c\td', { e: 'f' }] },
  });
});

test('positions are those of the original text', (t) => {
  const text = 'a:\n  b: [\none,\n  {c: 1,\n d: 2}\n  ]\n  e: 3\n';
  const root = parseYaml({ file: 'f', text })[0]?.root ?? null;
  const place = (path: readonly (string | number)[]): unknown => {
    const { line, column } = resolvePosition(findMark(root, path)) ?? {};
    return [line, column];
  };
  t.deepEqual(place(['a', 'b', 0]), [3, 1]);
  t.deepEqual(place(['a', 'b', 1, 'd']), [5, 2]);
  t.deepEqual(place(['a', 'e']), [7, 3]);
});

test('a document marker ends a flow collection with an error at its place', (t) => {
  const error = t.throws(() => valueOf('a:\n  b: [\n  1,\n---\n  ]\n'), {
    instanceOf: ComposeError,
  });
  t.deepEqual(error.place, { file: 'f', line: 4, column: 1 });
});

test('block structure is left alone', (t) => {
  t.is(indentFlowLines('a: it\'s [\nb: |\n  [\n "\nc: d {\n  e\n# [\n- "x"\n'), undefined);
});

test('any text is scanned to its end', (t) => {
  const char = fc.constantFrom(
    '[',
    ']',
    '{',
    '}',
    '"',
    "'",
    '|',
    '\n',
    ' ',
    ':',
    '-',
    '#',
    'a',
    ',',
  );
  fc.assert(
    fc.property(fc.array(char, { maxLength: 60 }), (chars) => {
      const text = chars.join('');
      const indented = indentFlowLines(text);
      t.is((indented?.text ?? text).replaceAll(' ', ''), text.replaceAll(' ', ''));
    }),
  );
});
