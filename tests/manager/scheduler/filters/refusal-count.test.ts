import { bytesText } from '../../../../manager/common/base/bytes-text.js';
import test from 'ava';
import { aNode } from '../../../../fixtures/cluster/build.js';
import { nodesAre, reasonOnNodes } from '../../../../manager/scheduler/filters/filter.js';
import { RefusalCount } from '../../../../manager/scheduler/filters/refusal-count.js';
import { lacking } from '../../../../manager/scheduler/filters/resources.js';
import { NodeSet } from '../../../../manager/scheduler/node-set.js';
import type { Candidate } from '../../../../manager/scheduler/candidates.js';
import { snapshot } from '../../../helpers/decisions/placement.js';

function candidates(count: number): readonly Candidate[] {
  const names = Array.from({ length: count }, (_, index) => `n${String(index).padStart(2, '0')}`);
  return new NodeSet(snapshot({ nodes: names.map((name) => aNode(name)) })).candidates;
}

const down = nodesAre('down');
const memory = reasonOnNodes('insufficient memory');
const gib = 2 ** 30;

test('reasons are ordered by the number of nodes, then by their text', (t) => {
  const [a, b, c] = candidates(3) as [Candidate, Candidate, Candidate];
  const count = new RefusalCount();
  count.add(reasonOnNodes('z'), a);
  count.add(reasonOnNodes('y'), a);
  t.is(count.summary(), 'y on 1 node, z on 1 node');
  count.add(down, b);
  count.add(down, c);
  t.is(count.summary(), '2 nodes are down, y on 1 node, z on 1 node');
  t.is(count.predicates(), 'is down or has y or has z');
});

test('eight nodes are named and the others counted', (t) => {
  for (const [nodes, end] of [
    [8, 'n07'],
    [9, 'n07 and 1 more'],
    [12, 'n07 and 4 more'],
  ] as const) {
    const count = new RefusalCount();
    for (const candidate of candidates(nodes)) count.add(down, candidate);
    t.deepEqual(count.lines(), [
      `${nodes} nodes are down: n00, n01, n02, n03, n04, n05, n06, ${end}`,
    ]);
  }
});

test('amounts are shown for a single node, and for each node in its line', (t) => {
  const [a, b] = candidates(2) as [Candidate, Candidate];
  const count = new RefusalCount();
  count.add(lacking(memory, bytesText, { requested: 2 * gib, free: gib }), a);
  t.is(count.predicates(), 'has insufficient memory (2 GiB requested, 1 GiB free)');
  count.add(lacking(memory, bytesText, { requested: 2 * gib, free: 0 }), b);
  t.is(count.predicates(), 'has insufficient memory');
  t.deepEqual(count.lines(), [
    'insufficient memory on 2 nodes (2 GiB requested): n00 (1 GiB free), n01 (0 B free)',
  ]);
});

test('a copy counts on its own, and lines follow later reasons', (t) => {
  const [a, b] = candidates(2) as [Candidate, Candidate];
  const count = new RefusalCount();
  count.add(down, a);
  const lines = count.lines();
  const copy = count.copy();
  copy.add(down, b);
  t.deepEqual(count.lines(), lines);
  t.deepEqual(copy.lines(), ['2 nodes are down: n00, n01']);
  count.add(reasonOnNodes('y'), b);
  t.deepEqual(count.lines(), ['y on 1 node: n01', '1 node is down: n00'].sort().reverse());
});
