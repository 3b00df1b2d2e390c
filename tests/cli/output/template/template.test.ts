import test from 'ava';
import { compileTemplate } from '../../../../cli/output/template/template.js';
import { formatList } from '../../../../cli/output/format.js';

const record = {
  Name: 'web-1',
  Up: true,
  Down: false,
  Count: 3,
  None: [],
  Ports: [
    { Published: 80, Protocol: 'tcp' },
    { Published: 53, Protocol: 'udp' },
  ],
  Labels: { 'a.b': 'x', tier: 'front' },
  Nested: { Deep: { Name: 'inner' } },
};

const cases: readonly (readonly [template: string, expected: string])[] = [
  ['plain', 'plain'],
  ['{{.Name}}', 'web-1'],
  ['{{.Nested.Deep.Name}}', 'inner'],
  ['{{ .Name | upper }}', 'WEB-1'],
  ['{{upper .Name | lower | printf "%s!"}}', 'web-1!'],
  ['{{json .Ports}}', '[{"Published":80,"Protocol":"tcp"},{"Published":53,"Protocol":"udp"}]'],
  ['{{range .Ports}}{{.Published}}/{{.Protocol}} {{end}}', '80/tcp 53/udp '],
  ['{{range $i, $p := .Ports}}{{if $i}}, {{end}}{{$p.Published}}{{end}}', '80, 53'],
  ['{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}', 'a.b=x;tier=front;'],
  ['{{range .None}}x{{else}}nothing{{end}}', 'nothing'],
  ['{{if .Up}}up{{else}}down{{end}}', 'up'],
  ['{{if .Down}}a{{else if eq .Count 3}}b{{else}}c{{end}}', 'b'],
  ['{{with .Nested}}{{.Deep.Name}} of {{$.Name}}{{end}}', 'inner of web-1'],
  ['{{index .Labels "a.b"}}', 'x'],
  ['{{(index .Ports 1).Protocol}}', 'udp'],
  ['{{.Labels.nosuch}}', '<no value>'],
  ['{{len .Ports}} {{len .Name}}', '2 5'],
  ['{{join (split .Name "-") "+"}}', 'web+1'],
  ['{{truncate .Name 3}}|{{pad .Name 1 2}}|', 'web| web-1  |'],
  ['{{printf "%-8s|%3d|%.1f%%" .Name .Count 2.55}}', 'web-1   |  3|2.5%'],
  ['{{and .Up .Name}} {{or .Down "else"}} {{not .Up}}', 'web-1 else false'],
  ['{{and .Down .Up}}', 'false'],
  ['a {{- /* not shown */ -}} b', 'ab'],
  ['a\\t{{.Name}}\\n', 'a\tweb-1\n'],
  ['{{"}}"}}{{`"`}}', '}}"'],
  ['{{.Labels}} {{.Up}} {{.None}}', 'map[a.b:x tier:front] true []'],
  ['{{$n := .Name}}{{$n}}{{$n}}', 'web-1web-1'],
  ['{{title "so it is"}}', 'So It Is'],
];

for (const [template, expected] of cases) {
  test(`template ${template} renders as in Go`, (t) => {
    t.is(compileTemplate(template)(record), expected);
  });
}

const refused: readonly (readonly [template: string, pattern: RegExp])[] = [
  ['{{.Name', /unclosed action/u],
  ['{{.Nope}}', /field "Nope" is not defined; use one of Count, Down/u],
  ['{{nosuch .Name}}', /function "nosuch" is not defined; use one of and, eq/u],
  ['{{range .Ports}}', /is not closed; add \{\{end\}\}/u],
  ['{{end}}', /has no matching block/u],
  ['{{.Name .Up}}', /syntax error/u],
  ['{{.Name | .Up}}', /only a function/u],
  ['{{join .Ports}}', /join takes 2 arguments, got 1/u],
  ['{{index .Ports 9}}', /index 9 is out of range/u],
  ['{{$nope}}', /variable "\$nope" is not defined/u],
  ['{{define "x"}}{{end}}', /syntax error|has no matching block/u],
];

for (const [template, pattern] of refused) {
  test(`template ${template} is refused with the reason`, (t) => {
    t.throws(() => compileTemplate(template)(record), { message: pattern });
  });
}

test('the header of a table template has docker titles, whatever functions shorten the cells', (t) => {
  const items = [{ cells: [], record: { Name: 'a-long-one', CPUPerc: '1.00%', Labels: { x: 1 } } }];
  const format = 'table {{truncate .Name 3}}\\t{{.CPUPerc}}\\t{{json .Labels}}';
  t.is(formatList(format, [], items), 'NAME   CPU %   LABELS\na-l    1.00%   {"x":1}\n');
});
