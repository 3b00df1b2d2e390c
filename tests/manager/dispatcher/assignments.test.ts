import test from 'ava';
import fc from 'fast-check';
import { AssignmentBook } from '../../../manager/dispatcher/assignments.js';
import type { NodeId } from '../../../manager/common/model/ids.js';
import { taskStates } from '../../../manager/common/model/task-state.js';
import {
  nodeIds,
  networkIds,
  taskIds,
  item,
  noteLost,
  expected,
  held,
  step,
  prepare,
  perform,
} from '../../helpers/assignment-law.js';
import { HeldSet } from '../../helpers/fake-worker.js';

test("incremental changes taken at any time add up to the node's expected set", async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const store = await prepare();
      const tracker = new AssignmentBook(store.view, 'c1');
      const lost = new Set<string>();
      store.watch((commit) => {
        tracker.note(commit);
        for (const change of commit.changes) noteLost(lost, store.view, change);
      });
      const sets = new Map(nodeIds.map((id) => [id, new HeldSet()]));
      for (const [id, set] of sets) set.replace(tracker.open(id));
      const take = (id: NodeId): void => {
        const change = tracker.take(id);
        const set = sets.get(id) ?? new HeldSet();
        const before = new Set(set.tasks.keys());
        if (change !== undefined) set.apply(change);
        const { tasks, ...rest } = expected(store.view, id, lost, before);
        t.deepEqual(held(set), { tasks: tasks.sort(), ...rest });
        t.is(tracker.take(id), undefined, 'nothing is sent twice');
      };
      for (const action of steps) {
        if (action.kind === 'take') take(item(nodeIds, action.node));
        else await perform(store, action);
      }
      for (const id of nodeIds) take(id);
      await store.close();
    }),
    { numRuns: 150 },
  );
});

test('a full set does not depend on the history of increments', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const store = await prepare();
      const tracker = new AssignmentBook(store.view, 'c1');
      store.watch((commit) => {
        tracker.note(commit);
      });
      for (const action of steps) if (action.kind !== 'take') await perform(store, action);
      for (const id of nodeIds) {
        const set = new HeldSet();
        set.replace(tracker.open(id));
        const second = new HeldSet();
        second.replace(tracker.open(id));
        t.deepEqual(held(second), held(set));
        const { tasks } = expected(store.view, id, new Set(), new Set());
        t.deepEqual(held(set).tasks, tasks.sort());
      }
      await store.close();
    }),
    { numRuns: 50 },
  );
});

test('a task is not sent before its node has a gateway on each of its networks', async (t) => {
  const store = await prepare();
  const tracker = new AssignmentBook(store.view, 'c1');
  store.watch((commit) => {
    tracker.note(commit);
  });
  const set = new HeldSet();
  set.replace(tracker.open(item(nodeIds, 0)));
  await perform(store, { kind: 'task', task: 0, node: 0, networks: 3, files: 0 });
  await perform(store, { kind: 'gateway', node: 0, network: 0, there: true });
  t.is(tracker.take(item(nodeIds, 0)), undefined);
  await perform(store, { kind: 'gateway', node: 0, network: 1, there: true });
  const change = tracker.take(item(nodeIds, 0));
  t.deepEqual(
    change?.upsert.tasks?.map(({ id }) => id),
    [item(taskIds, 0)],
  );
  t.deepEqual(
    change?.upsert.networks?.map(({ gateway }) => gateway),
    ['10.0.0.200', '10.0.0.200'],
  );
});

test('a network marked for removal leaves the node with its last task', async (t) => {
  const store = await prepare();
  const tracker = new AssignmentBook(store.view, 'c1');
  store.watch((commit) => {
    tracker.note(commit);
  });
  await perform(store, { kind: 'gateway', node: 0, network: 0, there: true });
  await perform(store, { kind: 'task', task: 0, node: 0, networks: 1, files: 0 });
  tracker.open(item(nodeIds, 0));
  await perform(store, { kind: 'network', network: 0, removing: true });
  await perform(store, { kind: 'removeTask', task: 0 });
  const change = tracker.take(item(nodeIds, 0));
  t.deepEqual(change?.remove.networks, [item(networkIds, 0)]);
  t.is(change?.upsert.networks, undefined);
});

test('a task that failed without a container keeps no network on its node', async (t) => {
  const store = await prepare();
  const tracker = new AssignmentBook(store.view, 'c1');
  store.watch((commit) => {
    tracker.note(commit);
  });
  await perform(store, { kind: 'gateway', node: 0, network: 0, there: true });
  await perform(store, { kind: 'task', task: 0, node: 0, networks: 1, files: 0 });
  await perform(store, { kind: 'task', task: 1, node: 0, networks: 1, files: 0 });
  tracker.open(item(nodeIds, 0));
  const failed = taskStates.indexOf('failed');
  await perform(store, { kind: 'state', task: 0, state: failed, up: true });
  t.is(tracker.take(item(nodeIds, 0))?.remove.networks, undefined, 'its container still exists');
  await perform(store, { kind: 'removeTask', task: 0 });
  await perform(store, { kind: 'state', task: 1, state: failed, up: false });
  const change = tracker.take(item(nodeIds, 0));
  t.deepEqual(change?.remove.networks, [item(networkIds, 0)]);
  t.deepEqual(change?.remove.tasks, [item(taskIds, 0)], 'the task itself stays in the history');
});

test('a task being stopped is sent even if its node never got a gateway', async (t) => {
  const store = await prepare();
  const tracker = new AssignmentBook(store.view, 'c1');
  store.watch((commit) => {
    tracker.note(commit);
  });
  tracker.open(item(nodeIds, 0));
  await perform(store, { kind: 'task', task: 0, node: 0, networks: 1, files: 3 });
  await perform(store, { kind: 'network', network: 0, removing: true });
  t.is(tracker.take(item(nodeIds, 0)), undefined);
  await perform(store, { kind: 'desired', task: 0, desired: 3 });
  const change = tracker.take(item(nodeIds, 0));
  t.deepEqual(
    change?.upsert.tasks?.map(({ id, desired }) => `${id} ${desired}`),
    [`${item(taskIds, 0)} remove`],
  );
  t.is(change?.upsert.networks, undefined);
  t.is(change?.upsert.files, undefined);
});

test('secrets leave a node with the last live task that uses them', async (t) => {
  const store = await prepare();
  const tracker = new AssignmentBook(store.view, 'c1');
  store.watch((commit) => {
    tracker.note(commit);
  });
  const sets = nodeIds.map((id) => {
    const set = new HeldSet();
    set.replace(tracker.open(id));
    return set;
  });
  const settle = (): void => {
    nodeIds.forEach((id, at) => {
      const change = tracker.take(id);
      if (change !== undefined) sets[at]?.apply(change);
    });
  };
  await perform(store, { kind: 'task', task: 0, node: 0, networks: 0, files: 1 });
  await perform(store, { kind: 'task', task: 1, node: 0, networks: 0, files: 1 });
  await perform(store, { kind: 'task', task: 2, node: 1, networks: 0, files: 0 });
  settle();
  t.deepEqual(
    sets.map((set) => [...set.files.keys()]),
    [['s1'], [], []],
  );
  await perform(store, { kind: 'state', task: 0, state: taskStates.indexOf('failed'), up: false });
  settle();
  t.is(sets[0]?.files.size, 1);
  await perform(store, { kind: 'removeTask', task: 1 });
  settle();
  t.is(sets[0]?.files.size, 0);
  t.is(sets[0]?.tasks.size, 1, 'the ended task itself stays in the set');
});
