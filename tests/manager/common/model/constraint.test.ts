import test from 'ava';
import { aNode } from '../../../../fixtures/cluster/build.js';
import {
  describeUnsatisfied,
  parseConstraint,
  satisfies,
  valueOnNode,
} from '../../../../manager/common/model/constraint.js';

const node = aNode('n1', {
  name: 'node-1',
  role: 'manager',
  arch: 'x86_64',
  labels: { disk: 'ssd', zone: 'A', kind: 'x86_64' },
  engineLabels: { storage: 'fast' },
});

const cases: readonly (readonly [string, boolean])[] = [
  ['node.id == n1', true],
  ['node.id==n2', false],
  ['node.id != n2', true],
  ['node.hostname == node-1', true],
  ['node.hostname != node-1', false],
  ['node.role == manager', true],
  ['node.role == worker', false],
  ['node.platform.os == linux', true],
  ['node.platform.arch == amd64', true],
  ['node.platform.arch == x86_64', true],
  ['node.platform.arch == aarch64', false],
  ['node.platform.arch != arm64', true],
  ['node.labels.disk == ssd', true],
  ['node.labels.disk == SSD', true],
  ['node.labels.zone == a', true],
  ['node.labels.missing == x', false],
  ['node.labels.missing != x', true],
  ['engine.labels.storage == fast', true],
  ['engine.labels.storage != fast', false],
  ['engine.labels.missing == x', false],
  ['engine.labels.missing != x', true],
  // Only the names of architectures have synonyms.
  ['node.labels.kind == x86_64', true],
  ['node.labels.kind == amd64', false],
  ['  node.labels.disk==ssd  ', true],
];
for (const [text, expected] of cases) {
  test(`"${text}" ${expected ? 'holds' : 'does not hold'} for the node`, (t) => {
    t.is(satisfies(node, parseConstraint(text)), expected);
  });
}

const invalid: readonly (readonly [string, RegExp])[] = [
  ['node.labels.disk', /expected KEY == VALUE or KEY != VALUE/],
  ['node.labels.disk = ssd', /expected KEY == VALUE/],
  ['node.labels.disk == ', /the value is missing/],
  ['node.labels. == ssd', /unknown key node\.labels\., known are node\.id/],
  ['node.name == x', /unknown key node\.name/],
  ['node.labels.disk == s*', /wildcards are not supported/],
  ['node.labels.disk === ssd', /expected == or != once/],
];
for (const [text, message] of invalid) {
  test(`"${text}" is refused with the reason`, (t) => {
    t.throws(() => parseConstraint(text), { message });
  });
}

test('an unsatisfied constraint is described by its negation', (t) => {
  t.is(describeUnsatisfied(parseConstraint('node.labels.disk == ssd')), 'node.labels.disk != ssd');
  t.is(describeUnsatisfied(parseConstraint('node.role != manager')), 'node.role == manager');
});

test('a node matches both its host name and its name in the cluster', (t) => {
  const { description } = node;
  const renamed = { ...node, description: { ...description, hostname: 'ip-10-0-0-7' } };
  const holds = (text: string): boolean => satisfies(renamed, parseConstraint(text));
  t.true(holds('node.hostname == node-1'));
  t.true(holds('node.hostname == ip-10-0-0-7'));
  t.false(holds('node.hostname != node-1'));
  t.is(valueOnNode(renamed, 'node.hostname'), 'ip-10-0-0-7');
});

test('a spread preference reads labels of the node, empty where one is missing', (t) => {
  t.is(valueOnNode(node, 'node.labels.zone'), 'A');
  t.is(valueOnNode(node, 'engine.labels.storage'), 'fast');
  t.is(valueOnNode(node, 'node.labels.rack'), '');
  t.is(valueOnNode(node, 'engine.labels.rack'), '');
});
