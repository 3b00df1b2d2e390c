import test from 'ava';
import { formatInspect, formatList } from '../../../cli/output/format.js';
import { compileTemplate } from '../../../cli/output/template/template.js';

const items = [
  { cells: ['a', '1'], record: { Name: 'a', Ports: [{ URL: 'x' }], Size: 1 } },
  { cells: ['b', '2'], record: { Name: 'b', Ports: [], Size: 2 } },
];

test('the json format prints one object per line', (t) => {
  const lines = formatList('json', ['N', 'S'], items).trimEnd().split('\n');
  t.deepEqual(
    lines.map((line) => JSON.parse(line) as unknown),
    items.map(({ record }) => record),
  );
});

test('a template is rendered once per object', (t) => {
  t.is(formatList('{{.Name}}={{.Size}}', [], items), 'a=1\nb=2\n');
  t.is(formatList('{{json .Ports}}', [], items), '[{"URL":"x"}]\n[]\n');
  t.is(compileTemplate('{{ upper .Name }}')({ Name: 'a' }), 'A');
});

test('a table template has a header of field names', (t) => {
  t.is(formatList('table {{.Name}}\\t{{.Size}}', [], items), 'NAME   SIZE\na      1\nb      2\n');
});

test('a template with an unknown field or function is refused with its name', (t) => {
  t.throws(() => compileTemplate('{{.Nope}}')({ Name: 'a' }), {
    message: /field "Nope" is not defined/u,
  });
  t.throws(() => compileTemplate('{{range .X}}'), { message: /\{\{range .X\}\}/u });
  t.throws(() => compileTemplate('{{.Name'), { message: /unclosed/u });
});

test('inspect prints a list of indented objects or a template of each', (t) => {
  t.is(formatInspect(undefined, [{ A: 1 }]), '[\n    {\n        "A": 1\n    }\n]\n');
  t.is(formatInspect('{{.A}}', [{ A: 1 }]), '1\n');
});
