import test from 'ava';
import {
  expressionsOf,
  expressionText,
  extractExpressions,
  fitsExpression,
  movesOnNodeFailure,
  parseExpression,
} from '../../../../manager/common/model/swarm-expression.js';

const fits = (text: string, ...values: readonly string[]): boolean =>
  fitsExpression(parseExpression('constraint', text), values);

test('an expression is a text, a glob or a regular expression', (t) => {
  t.true(fits('storage==ssd', 'ssd'));
  t.false(fits('storage==ssd', 'ssd2'));
  t.true(fits('storage!=ssd', ''));
  t.false(fits('storage==ssd', ''));
  t.true(fits('region==us*', 'us-east'));
  t.false(fits('region==us*', 'eu-us'));
  t.true(fits('node==node.1*', 'node.12'));
  t.false(fits('node==node.1*', 'nodex12'));
  t.true(fits('node==/node-[12]/', 'my-node-2'));
  t.true(fits('node!=/node-[12]/', 'node-3'));
  t.true(fits('node==/(?i)NODE/', 'node-1'));
  t.true(fits('container==~db', 'other', 'db'));
});

test('an expression keeps its text; malformed ones are refused in the words of classic Swarm', (t) => {
  for (const text of ['storage==ssd', 'node!=~/a|b/']) {
    t.is(expressionText(parseExpression('affinity', text)), text);
  }
  for (const [text, message] of [
    ['storage=ssd', /One of operator ==, != is expected/u],
    ['1==x', /Key '1' is invalid/u],
    ['node==', /Value '' is invalid/u],
    ['node==/(/', /not a regular expression/u],
  ] as const) {
    t.throws(() => parseExpression('constraint', text), { message });
  }
});

test('variables of classic Swarm become labels, and labels are read as they are', (t) => {
  const labels = { 'com.docker.swarm.constraints': '["storage==ssd"]', other: 'x' };
  const env = ['A=constraint:b', 'constraint:node==n1', 'affinity:container!=~db', 'EMPTY='];
  const found = extractExpressions([...env, 'reschedule:on-node-failure'], labels);
  t.deepEqual(found.env, ['A=constraint:b', 'EMPTY=']);
  t.deepEqual(found.labels, {
    'com.docker.swarm.constraints': '["storage==ssd","node==n1"]',
    'com.docker.swarm.affinities': '["container!=~db"]',
    'com.docker.swarm.reschedule-policies': '["on-node-failure"]',
    other: 'x',
  });
  t.deepEqual(expressionsOf(found.labels).map(expressionText), [
    'storage==ssd',
    'node==n1',
    'container!=~db',
  ]);
  t.true(movesOnNodeFailure(found.labels));
  t.false(movesOnNodeFailure({ 'com.docker.swarm.reschedule-policies': '["off"]' }));
  t.false(movesOnNodeFailure({}));
});

test('malformed expressions and policies are refused when the container is created', (t) => {
  for (const [env, message] of [
    ['constraint:node=n1', /One of operator/u],
    ['reschedule:sometimes', /invalid reschedule policy: sometimes/u],
  ] as const) {
    t.throws(() => extractExpressions([env], {}), { message });
  }
  const twice = ['reschedule:off', 'reschedule:on-node-failure'];
  t.throws(() => extractExpressions(twice, {}), { message: /too many reschedule policies/u });
  const label = { 'com.docker.swarm.affinities': 'container==db' };
  t.throws(() => extractExpressions([], label), { message: /must be a JSON array of strings/u });
});
