import test from 'ava';
import { interpolateTree, substitute } from '../../../../cli/compose/interpolation/interpolate.js';
import type { TreeMap } from '../../../../cli/compose/yaml/tree.js';

const values: Readonly<Record<string, string>> = { SET: 'value', EMPTY: '', _x1: 'under' };

function result(text: string): { readonly text: string; readonly unset: readonly string[] } {
  const unset: string[] = [];
  const substituted = substitute(
    text,
    (name) => values[name],
    (name) => unset.push(name),
  );
  return { text: substituted, unset };
}

test('references are replaced by values, operators by what they say', (t) => {
  for (const [text, expected] of [
    ['plain', 'plain'],
    ['$SET', 'value'],
    ['a${SET}b', 'avalueb'],
    ['$SET-$SET.', 'value-value.'],
    ['$_x1', 'under'],
    ['${SET:-d}${SET-d}', 'valuevalue'],
    ['${EMPTY:-d}|${EMPTY-d}', 'd|'],
    ['${NONE:-d}|${NONE-d}', 'd|d'],
    ['${SET:+a}|${SET+a}', 'a|a'],
    ['${EMPTY:+a}|${EMPTY+a}', '|a'],
    ['${NONE:+a}|${NONE+a}', '|'],
    ['${SET:?m}${SET?m}${EMPTY?m}', 'valuevalue'],
    ['${NONE:-${SET}}', 'value'],
    ['${NONE:-a${NONE-b}c}d', 'abcd'],
    ['${NONE:-{}}', '{}'],
    ['$$SET $$$SET $${SET}', '$SET $value ${SET}'],
    ['$', '$'],
    ['$1 $- a$', '$1 $- a$'],
  ] as const) {
    t.deepEqual({ [text]: result(text) }, { [text]: { text: expected, unset: [] } });
  }
});

test('a plain reference without a value is reported, one with a default is not', (t) => {
  t.deepEqual(result('$NONE ${OTHER} ${NONE:-d}'), { text: '  d', unset: ['NONE', 'OTHER'] });
  t.deepEqual(result('${SET:-$NONE}'), { text: 'value', unset: ['NONE'] });
});

test('a required variable without a value is refused with its message', (t) => {
  for (const [text, message] of [
    ['${NONE:?}', 'required variable NONE is missing a value'],
    ['${NONE?tell me}', 'required variable NONE is missing a value: tell me'],
    ['${EMPTY:?of $SET}', 'required variable EMPTY is missing a value: of value'],
  ] as const) {
    t.throws(() => result(text), { message });
  }
});

test('malformed expressions are refused', (t) => {
  for (const text of [
    '${',
    '${SET',
    '${}',
    '${1}',
    '${SET:}',
    '${SET!x}',
    '${ SET}',
    '${SET:-${X}',
  ]) {
    t.throws(() => result(text), {
      message: `invalid interpolation format in "${text}"; write $$ for a literal dollar sign`,
    });
  }
});

test('fifty nested defaults are accepted, more are not', (t) => {
  const nested = (depth: number): string => `${'${NONE:-'.repeat(depth)}$SET${'}'.repeat(depth)}`;
  t.is(result(nested(50)).text, 'value');
  t.throws(() => result(nested(51)), { message: /nested more than 50 deep/u });
});

test('values of a tree are substituted and cast, keys are not', (t) => {
  const tree = {
    services: {
      a: {
        image: '$SET:$NONE',
        scale: '${NONE:-3}',
        tty: 'true',
        labels: ['$SET', 7, ['$$']],
        $SET: '$EMPTY',
        volumes: [{ type: 'bind', read_only: '${NONE-no}' }],
      },
    },
    networks: { n: { internal: 'true' } },
  };
  const warnings: string[] = [];
  const warn = (message: string): void => void warnings.push(message);
  interpolateTree(tree, { lookup: (name) => values[name], warn });
  t.deepEqual(tree as unknown, {
    services: {
      a: {
        image: 'value:',
        scale: 3,
        tty: true,
        labels: ['value', 7, ['$']],
        $SET: '',
        volumes: [{ type: 'bind', read_only: false }],
      },
    },
    networks: { n: { internal: true } },
  });
  t.deepEqual(warnings, [
    'the "NONE" variable is not set, defaulting to a blank string',
    '"no" for a boolean is not YAML 1.2; write false',
  ]);
});

test('a fault in a tree is refused with its path', (t) => {
  const refusal = (service: object): string => {
    const tree = { services: { a: service } } as unknown as TreeMap;
    const options = { lookup: () => undefined, warn: () => undefined };
    return t.throws(() => {
      interpolateTree(tree, options);
    }).message;
  };
  t.is(refusal({ scale: 'x' }), 'services.a.scale: "x" is not an integer');
  t.regex(refusal({ labels: ['ok', '${'] }), /^services\.a\.labels\.1: invalid interpolation/u);
});
