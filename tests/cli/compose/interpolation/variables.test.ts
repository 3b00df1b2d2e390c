import test from 'ava';
import type { ComposeVariable } from '../../../../cli/compose/interpolation/variables.js';
import { printVariables, variablesOf } from '../../../../cli/compose/interpolation/variables.js';
import { parseYaml } from '../../../../cli/compose/yaml/yaml.js';

function variable(name: string, changes: Partial<ComposeVariable> = {}): ComposeVariable {
  return { name, required: false, defaultValue: '', alternate: '', ...changes };
}

test('every form of a reference names its variable', (t) => {
  for (const [text, variables] of [
    ['none', []],
    ['$A', [variable('A')]],
    ['${A}', [variable('A')]],
    ['x${_a1}y', [variable('_a1')]],
    ['${A:-d}', [variable('A', { defaultValue: 'd' })]],
    ['${A-d e}', [variable('A', { defaultValue: 'd e' })]],
    ['${A:?must}', [variable('A', { required: true })]],
    ['${A?}', [variable('A', { required: true })]],
    ['${A:+alt}', [variable('A', { alternate: 'alt' })]],
    ['${A+alt}', [variable('A', { alternate: 'alt' })]],
    ['$$A $${B}', []],
    ['$$$A', [variable('A')]],
    ['$ $1 ${1} ${', []],
    ['${A', []],
    ['${A:x}', []],
    ['$B-$A', [variable('A'), variable('B')]],
    [
      '${A:-${B:-$C}}',
      [
        variable('A', { defaultValue: '${B:-$C}' }),
        variable('B', { defaultValue: '$C' }),
        variable('C'),
      ],
    ],
    ['${A:-1}$A', [variable('A')]],
    ['$A${A:-1}', [variable('A', { defaultValue: '1' })]],
    ['${A}${B}', [variable('A'), variable('B')]],
    ['${A:-a\nb}', [variable('A', { defaultValue: 'a\nb' })]],
  ] as const) {
    t.deepEqual({ [text]: variablesOf(text) }, { [text]: variables } as never);
  }
});

test('variables of lists and mappings are found, but none in keys', (t) => {
  const tree = { $KEY: ['$C', { b: '$B' }], n: 7, z: null, a: '$A' };
  t.deepEqual(
    variablesOf(tree).map(({ name }) => name),
    ['A', 'B', 'C'],
  );
});

const two = [
  variable('A', { defaultValue: 'd' }),
  variable('LONG_NAME_OF_A_VARIABLE', { required: true, alternate: 'alt' }),
];

test('the formats have the fields of docker compose', (t) => {
  t.is(
    printVariables(two, 'table'),
    [
      'NAME                      REQUIRED            DEFAULT VALUE       ALTERNATE VALUE\n',
      'A                         false               d                   \n',
      'LONG_NAME_OF_A_VARIABLE   true                                    alt\n',
    ].join(''),
  );
  t.deepEqual(JSON.parse(printVariables(two, 'json')), {
    A: { Name: 'A', DefaultValue: 'd', PresenceValue: '', Required: false },
    LONG_NAME_OF_A_VARIABLE: {
      ...{ Name: 'LONG_NAME_OF_A_VARIABLE', DefaultValue: '', PresenceValue: 'alt' },
      Required: true,
    },
  });
  t.regex(printVariables(two, 'json'), /^\{\n {4}"A": \{\n {8}"Name"/u);
  const [document] = parseYaml({ file: 'x', text: printVariables(two.slice(0, 1), 'yaml') });
  t.deepEqual(JSON.parse(JSON.stringify(document?.root)), {
    A: { name: 'A', defaultvalue: 'd', presencevalue: '', required: false },
  });
});
