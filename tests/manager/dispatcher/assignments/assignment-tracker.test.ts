import test from 'ava';
import fc from 'fast-check';
import { AssignmentTracker } from '../../../../manager/dispatcher/assignments/assignment-tracker.js';
import type { NodeId } from '../../../../manager/common/model/ids.js';
import type { ProjectNames } from '../../../../manager/common/model/network-view.js';
import type { Network } from '../../../../manager/common/model/network.js';
import type { Service } from '../../../../manager/common/model/service.js';
import { taskStates } from '../../../../manager/common/model/task-state.js';
import { aService } from '../../../../fixtures/cluster/build.js';
import {
  nodeIds,
  networkIds,
  taskIds,
  itemAt,
  trackLostTasks,
  expectedAssignments,
  heldAssignments,
  assignmentStep,
  openAssignmentStore,
  applyStep,
} from '../../../helpers/decisions/assignment-model.js';
import { HeldSet } from '../../../helpers/fakes/fake-worker.js';

test("incremental changes taken at any time add up to the node's expected set", async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(assignmentStep, { maxLength: 60 }), async (steps) => {
      const store = await openAssignmentStore();
      const tracker = new AssignmentTracker(store.view, 'c1');
      const lost = new Set<string>();
      store.watch((commit) => {
        tracker.applyCommit(commit);
        for (const change of commit.changes) trackLostTasks(lost, store.view, change);
      });
      const sets = new Map(nodeIds.map((id) => [id, new HeldSet()]));
      for (const [id, set] of sets) set.replace(tracker.open(id));
      const take = (id: NodeId): void => {
        const change = tracker.take(id);
        const set = sets.get(id) ?? new HeldSet();
        const before = new Set(set.tasks.keys());
        if (change !== undefined) set.apply(change);
        const { tasks, ...rest } = expectedAssignments(store.view, id, lost, before);
        t.deepEqual(heldAssignments(set), { tasks: tasks.sort(), ...rest });
        t.is(tracker.take(id), undefined, 'nothing is sent twice');
      };
      for (const action of steps) {
        if (action.kind === 'take') take(itemAt(nodeIds, action.node));
        else await applyStep(store, action);
      }
      for (const id of nodeIds) take(id);
      await store.close();
    }),
    { numRuns: 150 },
  );
});

test('a full set does not depend on the history of increments', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(assignmentStep, { maxLength: 40 }), async (steps) => {
      const store = await openAssignmentStore();
      const tracker = new AssignmentTracker(store.view, 'c1');
      store.watch((commit) => {
        tracker.applyCommit(commit);
      });
      for (const action of steps) if (action.kind !== 'take') await applyStep(store, action);
      for (const id of nodeIds) {
        const set = new HeldSet();
        set.replace(tracker.open(id));
        const second = new HeldSet();
        second.replace(tracker.open(id));
        t.deepEqual(heldAssignments(second), heldAssignments(set));
        const { tasks } = expectedAssignments(store.view, id, new Set(), new Set());
        t.deepEqual(heldAssignments(set).tasks, tasks.sort());
      }
      await store.close();
    }),
    { numRuns: 50 },
  );
});

test('a task is not sent before its node has a gateway on each of its networks', async (t) => {
  const store = await openAssignmentStore();
  const tracker = new AssignmentTracker(store.view, 'c1');
  store.watch((commit) => {
    tracker.applyCommit(commit);
  });
  const set = new HeldSet();
  set.replace(tracker.open(itemAt(nodeIds, 0)));
  await applyStep(store, { kind: 'task', task: 0, node: 0, networks: 3, files: 0 });
  await applyStep(store, { kind: 'gateway', node: 0, network: 0, there: true });
  t.is(tracker.take(itemAt(nodeIds, 0)), undefined);
  await applyStep(store, { kind: 'gateway', node: 0, network: 1, there: true });
  const change = tracker.take(itemAt(nodeIds, 0));
  t.deepEqual(
    change?.upsert.tasks?.map(({ id }) => id),
    [itemAt(taskIds, 0)],
  );
  t.deepEqual(
    change?.upsert.networks?.map(({ gateway }) => gateway),
    ['10.0.0.200', '10.0.0.200'],
  );
});

test('a network marked for removal leaves the node with its last task', async (t) => {
  const store = await openAssignmentStore();
  const tracker = new AssignmentTracker(store.view, 'c1');
  store.watch((commit) => {
    tracker.applyCommit(commit);
  });
  await applyStep(store, { kind: 'gateway', node: 0, network: 0, there: true });
  await applyStep(store, { kind: 'task', task: 0, node: 0, networks: 1, files: 0 });
  tracker.open(itemAt(nodeIds, 0));
  await applyStep(store, { kind: 'network', network: 0, removing: true });
  await applyStep(store, { kind: 'removeTask', task: 0 });
  const change = tracker.take(itemAt(nodeIds, 0));
  t.deepEqual(change?.remove.networks, [itemAt(networkIds, 0)]);
  t.is(change?.upsert.networks, undefined);
});

test('a task that failed without a container keeps no network on its node', async (t) => {
  const store = await openAssignmentStore();
  const tracker = new AssignmentTracker(store.view, 'c1');
  store.watch((commit) => {
    tracker.applyCommit(commit);
  });
  await applyStep(store, { kind: 'gateway', node: 0, network: 0, there: true });
  await applyStep(store, { kind: 'task', task: 0, node: 0, networks: 1, files: 0 });
  await applyStep(store, { kind: 'task', task: 1, node: 0, networks: 1, files: 0 });
  tracker.open(itemAt(nodeIds, 0));
  const failed = taskStates.indexOf('failed');
  await applyStep(store, { kind: 'state', task: 0, state: failed, up: true });
  t.is(tracker.take(itemAt(nodeIds, 0))?.remove.networks, undefined, 'its container still exists');
  await applyStep(store, { kind: 'removeTask', task: 0 });
  await applyStep(store, { kind: 'state', task: 1, state: failed, up: false });
  const change = tracker.take(itemAt(nodeIds, 0));
  t.deepEqual(change?.remove.networks, [itemAt(networkIds, 0)]);
  t.deepEqual(change?.remove.tasks, [itemAt(taskIds, 0)], 'the task itself stays in the history');
});

test('a node has the service names of its projects, and nothing is sent unless a name changes', async (t) => {
  const store = await openAssignmentStore();
  const tracker = new AssignmentTracker(store.view, 'c1');
  store.watch((commit) => {
    tracker.applyCommit(commit);
  });
  const create = (service: Service) =>
    store.update('restore', (tx) => tx.create('services', service));
  await applyStep(store, { kind: 'gateway', node: 0, network: 0, there: true });
  await applyStep(store, { kind: 'task', task: 0, node: 0, networks: 1, files: 0 });
  const project = store.view.get('tasks', itemAt(taskIds, 0))?.project ?? '';
  const db = aService('db', { project });
  const created = await create(db);
  const id = itemAt(nodeIds, 0);
  const names = (projects: readonly ProjectNames[] = []) =>
    projects.map(({ services }) => services.map(({ name }) => name).sort());
  t.deepEqual(names(tracker.open(id).projects), [[db.spec.name]]);
  await store.update('restore', (tx) =>
    tx.put('services', { ...created, spec: { ...created.spec, halted: true } }),
  );
  t.is(tracker.take(id), undefined);
  const cache = aService('cache', { project });
  await create(cache);
  t.deepEqual(names(tracker.take(id)?.upsert.projects), [[cache.spec.name, db.spec.name].sort()]);
  await create(aService('api', { project: 'other' }));
  t.is(tracker.take(id), undefined);
  await applyStep(store, { kind: 'removeTask', task: 0 });
  t.deepEqual(tracker.take(id)?.remove.projects, [project]);
});

test('a task being stopped is sent even if its node never got a gateway', async (t) => {
  const store = await openAssignmentStore();
  const tracker = new AssignmentTracker(store.view, 'c1');
  store.watch((commit) => {
    tracker.applyCommit(commit);
  });
  tracker.open(itemAt(nodeIds, 0));
  await applyStep(store, { kind: 'task', task: 0, node: 0, networks: 1, files: 3 });
  await applyStep(store, { kind: 'network', network: 0, removing: true });
  t.is(tracker.take(itemAt(nodeIds, 0)), undefined);
  await applyStep(store, { kind: 'desired', task: 0, desired: 3 });
  const change = tracker.take(itemAt(nodeIds, 0));
  t.deepEqual(
    change?.upsert.tasks?.map(({ id, desired }) => `${id} ${desired}`),
    [`${itemAt(taskIds, 0)} remove`],
  );
  t.is(change?.upsert.networks, undefined);
  t.is(change?.upsert.files, undefined);
});

test('secrets leave a node with the last live task that uses them', async (t) => {
  const store = await openAssignmentStore();
  const tracker = new AssignmentTracker(store.view, 'c1');
  store.watch((commit) => {
    tracker.applyCommit(commit);
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
  await applyStep(store, { kind: 'task', task: 0, node: 0, networks: 0, files: 1 });
  await applyStep(store, { kind: 'task', task: 1, node: 0, networks: 0, files: 1 });
  await applyStep(store, { kind: 'task', task: 2, node: 1, networks: 0, files: 0 });
  settle();
  t.deepEqual(
    sets.map((set) => [...set.files.keys()]),
    [['s1'], [], []],
  );
  await applyStep(store, {
    kind: 'state',
    task: 0,
    state: taskStates.indexOf('failed'),
    up: false,
  });
  settle();
  t.is(sets[0]?.files.size, 1);
  await applyStep(store, { kind: 'removeTask', task: 1 });
  settle();
  t.is(sets[0]?.files.size, 0);
  t.is(sets[0]?.tasks.size, 1, 'the ended task itself stays in the set');
});

test('a network that is left on a node concerns no other node', async (t) => {
  const store = await openAssignmentStore();
  const tracker = new AssignmentTracker(store.view, 'c1');
  store.watch((commit) => {
    tracker.applyCommit(commit);
  });
  const [nodeId, networkId] = [itemAt(nodeIds, 0), itemAt(networkIds, 0)];
  await applyStep(store, { kind: 'gateway', node: 0, network: 0, there: true });
  await applyStep(store, { kind: 'task', task: 0, node: 0, networks: 1, files: 0 });
  tracker.open(nodeId);
  const put = (changes: Partial<Network>): Promise<unknown> =>
    store.update('restore', (tx) => {
      const network = tx.get('networks', networkId);
      if (network !== undefined) tx.put('networks', { ...network, ...changes });
    });
  await put({ leftOn: [{ nodeId: itemAt(nodeIds, 1), problem: 'in use' }] });
  t.deepEqual(tracker.dirtyNodes(), []);
  await put({ subnet: '10.9.0.0/24' });
  t.deepEqual(tracker.dirtyNodes(), [nodeId]);
});
