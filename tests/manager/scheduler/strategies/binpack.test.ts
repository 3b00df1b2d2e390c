import test from 'ava';
import { aNode, aService, aTask } from '../../../../fixtures/cluster/build.js';
import { decide } from '../../../../manager/scheduler/decide.js';
import { gib, nodes, pending, print, snapshot } from '../../../helpers/decisions/placement.js';

const onNode = (node: string, task: { memoryBytes?: number; nanoCpus?: number }, slot = 1) =>
  aTask(aService('other', { task }), slot, { id: `${node}-${slot}`, node, state: 'running' });

const place = (...tasks: ReturnType<typeof onNode>[]): string =>
  print(
    decide(
      snapshot({ nodes: nodes(3), tasks: [...tasks, ...pending('web', 1)], strategy: 'binpack' }),
    ),
  );

test('reserved CPU counts as much as reserved memory', (t) => {
  t.is(place(onNode('node-2', { nanoCpus: 1e9 })), 'web.1 node-2');
  // A quarter of the CPU against an eighth of the memory.
  t.is(
    place(onNode('node-2', { nanoCpus: 1e9 }), onNode('node-3', { memoryBytes: gib })),
    'web.1 node-2',
  );
  t.is(
    place(onNode('node-2', { nanoCpus: 1e9 }), onNode('node-3', { memoryBytes: 3 * gib })),
    'web.1 node-3',
  );
});

test('more tasks decide between nodes that are equally full', (t) => {
  t.is(place(onNode('node-3', {}), onNode('node-3', {}, 2), onNode('node-2', {})), 'web.1 node-3');
});

test('a node without any resources counts as empty', (t) => {
  const machines = [aNode('node-1', { nanoCpus: 0, memoryBytes: 0 }), aNode('node-2')];
  const tasks = [onNode('node-2', { memoryBytes: gib }), ...pending('web', 1)];
  t.is(print(decide(snapshot({ nodes: machines, tasks, strategy: 'binpack' }))), 'web.1 node-2');
});
