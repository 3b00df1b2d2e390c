import test from 'ava';
import { aNode, aService, aTask } from '../../../../fixtures/cluster/build.js';
import { decide } from '../../../../manager/scheduler/decide.js';
import { nodes, pending, print, snapshot } from '../../../helpers/decisions/placement.js';

const web = aService('web');

const rejected = aTask(web, 1, {
  id: 'old',
  node: 'node-1',
  desired: 'shutdown',
  status: { state: 'rejected', error: 'no such image' },
});

test('a node that rejected the service comes after one with more tasks of it', (t) => {
  const busy = aTask(web, 2, { node: 'node-2' });
  for (const strategy of ['spread', 'binpack'] as const) {
    const tasks = [rejected, busy, aTask(web, 1)];
    t.is(print(decide(snapshot({ nodes: nodes(2), tasks, strategy }))), 'web.1 node-2');
  }
});

test('a rejection of one service does not count for another', (t) => {
  const busy = aTask(aService('other'), 1, { node: 'node-2' });
  const tasks = [rejected, busy, ...pending('third', 1)];
  t.is(print(decide(snapshot({ nodes: nodes(2), tasks }))), 'third.1 node-1');
});

test('nodes of the same name are used in the order of their ids', (t) => {
  const machines = ['c', 'a', 'b'].map((id) => aNode(id, { name: 'same' }));
  const decisions = decide(snapshot({ nodes: machines, tasks: pending('web', 3) }));
  t.deepEqual(
    decisions.map((decision) => decision.kind === 'place' && String(decision.nodeId)),
    ['a', 'b', 'c'],
  );
});
