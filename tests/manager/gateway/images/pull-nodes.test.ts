import test from 'ava';
import { aNode } from '../../../../fixtures/cluster/build.js';
import type { Node } from '../../../../manager/common/model/node.js';
import { selectPullNodes } from '../../../../manager/gateway/images/pull-nodes.js';

function withArch(node: Node, arch: string): Node {
  return { ...node, description: { ...node.description, arch } };
}

const [alpha, beta] = [withArch(aNode('alpha'), 'amd64'), withArch(aNode('beta'), 'amd64')];
const gamma = withArch(aNode('gamma'), 'arm64');
const ready = [alpha, beta, gamma];

const namesOf = (holders: readonly Node[], platform = ''): readonly string[] =>
  selectPullNodes(ready, holders, platform).map(({ spec }) => spec.name);

test('a new image is pulled on one node of each platform', (t) => {
  t.deepEqual(namesOf([]), ['alpha', 'gamma']);
  t.deepEqual(namesOf([], 'linux/arm64'), ['gamma']);
});

test('nodes that have the image pull it again', (t) => {
  t.deepEqual(namesOf([beta, gamma]), ['beta', 'gamma']);
  t.deepEqual(namesOf([beta], 'linux/arm64'), ['gamma']);
});

test('an image that no node can run is pulled on one', (t) => {
  t.deepEqual(namesOf([], 'windows/amd64'), ['alpha']);
});

test('a paused node is left out while another is active', (t) => {
  const paused = { ...alpha, spec: { ...alpha.spec, availability: 'pause' as const } };
  const names = (nodes: readonly Node[]): readonly string[] =>
    selectPullNodes(nodes, [], '').map(({ spec }) => spec.name);
  t.deepEqual(names([paused, beta]), ['beta']);
  t.deepEqual(names([paused]), ['alpha']);
});
