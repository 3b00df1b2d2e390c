import test from 'ava';
import { aNetwork, aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import type { NodeId } from '../../../manager/common/model/ids.js';
import type { Task } from '../../../manager/common/model/task.js';
import { toDurableWrite } from '../../../manager/store/durable.js';
import type { StoreChange, TableName } from '../../../manager/store/store.js';

const service = aService('web');
const task = aTask(service, 1, { id: 't1', node: 'w1' });

/** Whether a change from one object to another is written to disk. */
function isDurable(table: TableName, before: { readonly id: string }, after: object): boolean {
  const change = { table, id: before.id, before, after } as StoreChange;
  const write = toDurableWrite(change);
  return write?.value === after && write.id === before.id;
}

function withState(state: Task['status']['state'], from: Task = task): Task {
  return { ...from, version: 2, updatedAt: 9, status: { ...from.status, state } };
}

test('new and removed objects are written in every table', (t) => {
  const node = aNode('w1');
  const objects = { nodes: node, tasks: task, networks: aNetwork('a'), services: service };
  for (const [table, object] of Object.entries(objects)) {
    const named = { table: table as 'nodes', id: object.id };
    const added = { ...named, after: object } as StoreChange;
    t.deepEqual(toDurableWrite(added), { ...named, value: object } as never);
    const removed = { ...named, before: object } as StoreChange;
    t.deepEqual(toDurableWrite(removed), { ...named, value: undefined });
  }
});

test("a task's progress between assignment and end is an observation", (t) => {
  const pending = withState('new');
  t.true(isDurable('tasks', pending, withState('pending', pending)));
  t.true(isDurable('tasks', withState('pending'), withState('assigned')));
  for (const state of ['accepted', 'preparing', 'ready', 'starting', 'running'] as const) {
    t.false(isDurable('tasks', withState('assigned'), withState(state)));
  }
});

test('an end of a task is written once', (t) => {
  for (const state of ['complete', 'shutdown', 'failed', 'rejected', 'orphaned'] as const) {
    const ended = withState(state);
    t.true(isDurable('tasks', task, ended));
    t.false(isDurable('tasks', ended, { ...ended, version: 3 }));
  }
});

test('an assigned task that only gets a new explanation is not written', (t) => {
  const assigned = withState('assigned');
  t.false(isDurable('tasks', assigned, { ...assigned, status: { ...assigned.status, at: 7 } }));
  t.false(isDurable('tasks', task, { ...task, explanation: { reason: 'x' } }));
});

test('every other field of a task is a decision, also one that is new or gone', (t) => {
  t.true(isDurable('tasks', task, { ...task, desired: 'shutdown' }));
  t.true(isDurable('tasks', task, { ...task, adopts: 't0' }));
  t.true(isDurable('tasks', { ...task, adopts: 't0' } as Task, task));
  t.false(isDurable('tasks', task, { ...task, version: 8, updatedAt: 8 }));
});

test('the status of a node is an observation, its spec a decision', (t) => {
  const node = aNode('w1');
  t.false(isDurable('nodes', node, { ...node, status: { ...node.status, state: 'down' } }));
  t.true(isDurable('nodes', node, { ...node, spec: { ...node.spec, role: 'manager' } }));
});

test('the nodes that a network is left on are an observation, its addresses a decision', (t) => {
  const network = aNetwork('a');
  const leftOn = [{ nodeId: 'w1' as NodeId, problem: 'in use' }];
  t.false(isDurable('networks', network, { ...network, leftOn }));
  t.true(isDurable('networks', network, { ...network, subnet: '10.1.0.0/24' }));
});

test('a service is written with every change', (t) => {
  t.true(isDurable('services', service, { ...service, version: 2, updatedAt: 9 }));
});
