import test from 'ava';
import type { NodeOptions } from '../../../fixtures/cluster/build.js';
import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import { aServiceSnapshot } from '../../helpers/decisions/service-snapshot.js';
import type { Node } from '../../../manager/common/model/node.js';
import type { Task } from '../../../manager/common/model/task.js';
import { describeTaskChanges } from '../../helpers/decisions/describe-task-changes.js';
import { reconcile } from '../../../manager/orchestrator/reconcile.js';

const service = aService('agent', {
  global: true,
  task: { placement: { constraints: ['node.labels.skip != yes'] } },
});

function plan(nodes: readonly Node[], tasks: readonly Task[] = []): string {
  return describeTaskChanges(reconcile(aServiceSnapshot(service, tasks, { nodes })));
}

const one = (options: NodeOptions): readonly Node[] => [aNode('node-1', options)];
const running = aTask(service, 1, { node: 'node-1' });

test('every eligible node gets one task that is bound to it', (t) => {
  const nodes = [
    aNode('node-2'),
    aNode('node-1'),
    aNode('node-3', { labels: { skip: 'yes' } }),
    aNode('node-4', { state: 'down' }),
    aNode('node-5', { availability: 'drain' }),
    aNode('node-6', { availability: 'pause' }),
    aNode('node-7', { state: 'unknown' }),
  ];
  t.is(
    plan(nodes),
    [
      'slot 1: new task, running, on node-1: the slot is empty',
      'slot 2: new task, running, on node-2: the slot is empty',
    ].join('\n'),
  );
});

test('a new node gets the lowest free slot and the others keep theirs', (t) => {
  const nodes = [aNode('a'), aNode('node-1'), aNode('node-2')];
  const tasks = [aTask(service, 1, { node: 'node-2' }), aTask(service, 3, { node: 'node-1' })];
  t.is(plan(nodes, tasks), 'slot 2: new task, running, on a: the slot is empty');
});

test('a task stays on a down, unknown or paused node until the node returns', (t) => {
  for (const options of [
    { state: 'down' },
    { state: 'unknown' },
    { availability: 'pause' },
  ] as const) {
    t.is(plan(one(options), [running]), '');
  }
});

test('a task leaves a node that is drained or no longer eligible', (t) => {
  t.is(
    plan(one({ availability: 'drain' }), [running]),
    'slot 1: agent.1 to remove: its node is not eligible for this service',
  );
  t.is(
    plan(one({ labels: { skip: 'yes' } }), [running]),
    'slot 1: agent.1 to remove: its node is not eligible for this service',
  );
});

test('tasks leave drained nodes in batches of `parallelism`, with `delay` between', (t) => {
  const agent = aService('agent', {
    global: true,
    update: {
      ...{ parallelism: 1, delayMs: 5_000, failureAction: 'pause', monitorMs: 0 },
      ...{ maxFailureRatio: 0, order: 'start-first' },
    },
  });
  const nodes = ['a', 'b'].map((name) => aNode(name, { availability: 'drain' }));
  const [first, second] = [1, 2].map((slot) =>
    aTask(agent, slot, { node: slot === 1 ? 'a' : 'b' }),
  );
  if (first === undefined || second === undefined) throw new Error('two tasks');
  const at = (now: number, tasks: readonly Task[], on = nodes): string =>
    describeTaskChanges(reconcile(aServiceSnapshot(agent, tasks, { nodes: on, now })));
  const cause = 'its node is not eligible for this service';
  t.is(at(0, [first, second]), `slot 1: agent.1 to remove: ${cause}`);
  const stopping = { ...first, desired: 'remove' } as const;
  t.is(at(100, [stopping, second]), '', 'the first is still stopping');
  const ended = { ...stopping, status: { ...first.status, state: 'shutdown', at: 1_000 } } as const;
  t.is(at(1_100, [ended, second]), 'wait until 6000: delay between nodes');
  t.is(
    at(6_000, [ended, second]),
    [`slot 1: forget agent.1: ${cause}`, `slot 2: agent.2 to remove: ${cause}`].join('\n'),
  );
  const forced = nodes.map((node) => ({ ...node, spec: { ...node.spec, forced: true as const } }));
  t.is(
    at(0, [first, second], forced),
    [`slot 1: agent.1 to remove: ${cause}`, `slot 2: agent.2 to remove: ${cause}`].join('\n'),
  );
});

test('the task of a removed node is deleted', (t) => {
  t.is(
    plan([aNode('node-2')], [running]),
    [
      'slot 1: forget agent.1, fence: its node is not eligible for this service',
      'slot 2: new task, running, on node-2: the slot is empty',
    ].join('\n'),
  );
});

test('a rejected task is retried on the same node', (t) => {
  const refused = aTask(service, 1, { node: 'node-1', state: 'rejected', updatedAt: -5_000 });
  t.is(
    plan(one({}), [refused]),
    [
      'slot 1: agent.1 to shutdown: rejected: ',
      'slot 1: new task, running, on node-1: rejected: ',
    ].join('\n'),
  );
});

test('a follower uses the slots of its leader, each on the same node', (t) => {
  const leader = aService('net', { global: true });
  const service = aService('side', {
    global: true,
    task: { container: { networkMode: { kind: 'service', service: 'net' } } },
  });
  const owners = [
    aTask(leader, 3, { node: 'node-1' }),
    aTask(leader, 1, { node: 'node-2', state: 'assigned' }),
  ];
  t.is(
    describeTaskChanges(reconcile(aServiceSnapshot(service, [], { owners }))),
    [
      'slot 1: new task, running, on node-2: the slot is empty',
      'slot 3: new task, running, on node-1: the slot is empty',
    ].join('\n'),
  );
});
