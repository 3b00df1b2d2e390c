import test from 'ava';
import { aNode, aService, aTask, aVolume } from '../../../fixtures/cluster/build.js';
import type { TaskId } from '../../../manager/common/model/ids.js';
import type { Task, TaskStatus } from '../../../manager/common/model/task.js';
import { decide } from '../../../manager/scheduler/decide.js';
import { NodeSet } from '../../../manager/scheduler/node-set.js';
import { gib, nodes, pending, print, snapshot } from '../../helpers/decisions/placement.js';

const web = aService('web', { task: { memoryBytes: gib, nanoCpus: 1e9 } });

function ended(state: TaskStatus['state'], at: number, node = 'node-1'): Task {
  const task = aTask(web, 1, { id: `${state}-${at}`, node, desired: 'shutdown' });
  return { ...task, status: { ...task.status, state, at } };
}

test('nodes are ordered by name, then by id', (t) => {
  const set = new NodeSet(
    snapshot({
      nodes: [aNode('b', { name: 'x' }), aNode('c', { name: 'a' }), aNode('a', { name: 'x' })],
    }),
  );
  t.deepEqual(
    set.candidates.map(({ node }) => String(node.id)),
    ['c', 'a', 'b'],
  );
});

test('an assigned task takes its reservations, and a pending one nothing', (t) => {
  const tasks = [aTask(web, 1, { node: 'node-1', state: 'running' }), aTask(web, 2)];
  const [candidate] = new NodeSet(snapshot({ nodes: nodes(1), tasks })).candidates;
  t.like(candidate, { freeNanoCpus: 3e9, freeMemoryBytes: 7 * gib, tasks: 1, failures: 0 });
  t.is(candidate?.serviceTasks.get(web.id), 1);
});

test('failures and rejections count for five minutes; other ends do not count', (t) => {
  const now = 1_000_000;
  const tasks = [
    ended('failed', now - 299_999),
    ended('failed', now - 300_000),
    ended('rejected', now),
    ended('shutdown', now),
    ended('complete', now),
    ended('failed', now, 'node-2'),
  ];
  const [first, second] = new NodeSet(snapshot({ nodes: nodes(2), tasks, now })).candidates;
  t.deepEqual([first?.failures, second?.failures], [2, 1]);
  t.deepEqual([first?.tasks, second?.tasks], [0, 0]);
});

test('recent failures decide between nodes that are equal otherwise', (t) => {
  for (const strategy of ['spread', 'binpack'] as const) {
    const tasks = [ended('failed', 0), ...pending('other', 1)];
    t.is(print(decide(snapshot({ nodes: nodes(2), tasks, strategy }))), 'other.1 node-2');
  }
});

test('a volume is bound to a further node', (t) => {
  const volume = aVolume('data', ['node-1']);
  const set = new NodeSet(snapshot({ nodes: nodes(2), volumes: [volume] }));
  set.pin(volume, 'node-2' as never);
  t.deepEqual(set.volume('data')?.nodeIds, ['node-1', 'node-2'] as never);
  t.is(set.volume('other'), undefined);
});

test('a node without one of its tasks has the room of that task', (t) => {
  const held = aService('held', {
    task: {
      memoryBytes: gib,
      nanoCpus: 1e9,
      ports: [{ target: 80, protocol: 'tcp', published: 80, mode: 'host' }],
    },
  });
  const task = aTask(held, 1, { node: 'node-1', state: 'running' });
  const set = new NodeSet(snapshot({ nodes: nodes(1), tasks: [task] }));
  const without = set.candidateWithout(task);
  t.like(without, { freeNanoCpus: 4e9, freeMemoryBytes: 8 * gib, tasks: 0 });
  t.is(without?.serviceTasks.get(held.id), 0);
  t.is(without?.ports.size, 0);
  const [counted] = set.candidates;
  t.like(counted, { freeNanoCpus: 3e9, freeMemoryBytes: 7 * gib, tasks: 1 });
  t.deepEqual(counted?.ports.get('tcp/80'), ['']);
});

test('reservations fit to the last byte and the last part of a CPU', (t) => {
  const ask = (memoryBytes: number, nanoCpus: number): string =>
    print(
      decide(
        snapshot({
          nodes: nodes(1),
          tasks: pending('web', 1, { task: { memoryBytes, nanoCpus } }),
        }),
      ),
    );
  t.is(ask(8 * gib, 4e9), 'web.1 node-1');
  t.is(ask(8 * gib + 1, 4e9), 'web.1: insufficient memory on 1 node');
  t.is(ask(8 * gib, 4e9 + 1), 'web.1: insufficient CPU on 1 node');
});

test('a task without reservations fits on a node that has nothing free', (t) => {
  const full = aTask(aService('full', { task: { memoryBytes: 9 * gib, nanoCpus: 5e9 } }), 1, {
    node: 'node-1',
    state: 'running',
  });
  const tasks = [full, ...pending('web', 1)];
  t.is(print(decide(snapshot({ nodes: nodes(1), tasks }))), 'web.1 node-1');
});

test('tasks are placed by age, then by service and slot', (t) => {
  const at = (task: Task, createdAt: number): Task => ({ ...task, createdAt });
  const [a1, a2] = pending('a', 2) as [Task, Task];
  const [b1] = pending('b', 1) as [Task];
  const order = (tasks: readonly Task[]): readonly TaskId[] =>
    decide(snapshot({ nodes: nodes(1), tasks })).map(({ taskId }) => taskId);
  t.deepEqual(order([at(b1, 0), at(a1, 1)]), ['b.1', 'a.1'] as never);
  t.deepEqual(order([b1, a2, a1]), ['a.1', 'a.2', 'b.1'] as never);
  const twins = ['z', 'y'].map((id) => aTask(web, 1, { id }));
  t.deepEqual(order(twins), ['y', 'z'] as never);
});

test('a task bound to a node is placed before the others', (t) => {
  const tasks = [
    ...pending('a', 1, { task: { memoryBytes: 8 * gib } }),
    aTask(aService('z', { global: true, task: { memoryBytes: 8 * gib } }), 1, {
      node: 'node-1',
      state: 'pending',
    }),
  ];
  t.is(
    print(decide(snapshot({ nodes: nodes(1), tasks }))),
    'z.1 node-1\na.1: insufficient memory on 1 node',
  );
});
