import test from 'ava';
import { aNetwork, aNode, aService, aTask, aVolume } from '../../../../fixtures/cluster/build.js';
import type { LeaseId, NodeId, TaskId } from '../../../../manager/common/model/ids.js';
import type { Node } from '../../../../manager/common/model/node.js';
import type { Volume } from '../../../../manager/common/model/network.js';
import type { ClusterStore, Transaction } from '../../../../manager/store/store.js';
import type { Hello } from '../../../../manager/dispatcher/sessions/hello.js';
import {
  admitNode,
  checkHello,
  claimVolumes,
  reuseIfUnchanged,
  updateNodeRoles,
} from '../../../../manager/dispatcher/sessions/hello.js';
import { aStatus } from '../../../helpers/fakes/fake-worker.js';
import { ManualClock } from '../../../helpers/fakes/manual-clock.js';
import { aHello, aWorkerPeer } from '../../../helpers/fakes/worker-session.js';
import { openTestStore } from '../../../helpers/stores/memory-store.js';

const hello = aHello('w1');
const w1 = 'w1' as NodeId;

test('a node removed between connecting and its hello is not admitted', async (t) => {
  const store = await openTestStore();
  await store.update('control', (tx) => {
    tx.create('cluster', { id: 'cluster', clusterId: 'c1', name: 'c', revoked: ['w1'] });
  });
  const admitted = store.update('dispatcher', (tx) => admitNode(tx, hello, 'worker'));
  await t.throwsAsync(admitted, { message: /node w1 \(w1\) was removed from the cluster/ });
  t.is(store.view.count('nodes'), 0);
});

test('a node that returns with a silent engine keeps the time since when it is silent', async (t) => {
  const clock = new ManualClock();
  const store = await openTestStore(clock);
  const join = async (engine?: 'silent') => {
    clock.advance(1_000);
    const message = engine === undefined ? hello : { ...hello, engine };
    await store.update('dispatcher', (tx) => admitNode(tx, message, 'worker'));
    return store.view.list('nodes')[0]?.status;
  };
  t.like(await join('silent'), { state: 'unknown', since: 1_000 });
  t.like(await join('silent'), { state: 'unknown', since: 1_000 });
  t.like(await join(), { state: 'ready', since: 3_000 });
  t.like(await join(), { state: 'ready', since: 3_000 });
  t.like(await join('silent'), { state: 'unknown', since: 5_000 });
});

async function storeWith(fill: (tx: Transaction) => void): Promise<ClusterStore> {
  const store = await openTestStore();
  await store.update('restore', fill);
  return store;
}

const admit = (store: ClusterStore, message: Hello, role: Node['spec']['role'] = 'worker') =>
  store.update('dispatcher', (tx) => admitNode(tx, message, role));

test('a hello of the cluster, from the node that the certificate names, is accepted', (t) => {
  t.notThrows(() => checkHello(hello, aWorkerPeer('w1'), 'c1'));
  const longest = aHello('w1', { name: 'n'.repeat(253) });
  t.notThrows(() => checkHello(longest, aWorkerPeer('w1'), 'c1'));
});

for (const [problem, changes, message] of [
  ['of another cluster', { clusterId: 'c2' }, /^worker w1 belongs to cluster c2, this is c1$/u],
  ['with an empty name', { name: '' }, /^worker w1: invalid node name; use at most 253/u],
  ['with a name of 254 characters', { name: 'n'.repeat(254) }, /invalid node name/u],
  ['with a name that ends a line', { name: 'a\n' }, /invalid node name/u],
  ['of another node', { nodeId: 'w2' }, /says it is node w2, its certificate says w1$/u],
] as const) {
  test(`a hello ${problem} is refused`, (t) => {
    t.throws(() => checkHello(aHello('w1', changes), aWorkerPeer('w1'), 'c1'), { message });
  });
}

test('a node that joins is created ready and active, with the role of its machine', async (t) => {
  const store = await openTestStore();
  await admit(store, aHello('w1', { name: 'node-1' }), 'manager');
  const node = store.view.get('nodes', w1);
  t.deepEqual(node?.spec, { name: 'node-1', availability: 'active', labels: {}, role: 'manager' });
  t.deepEqual(node?.description, hello.description);
  t.like(node?.status, { state: 'ready', message: '' });
});

test('a node that returns keeps what users set, and takes its new name and role', async (t) => {
  const store = await storeWith((tx) => {
    tx.create('nodes', aNode('w1', { availability: 'drain', labels: { zone: 'a' } }));
  });
  const spec = store.view.get('nodes', w1)?.spec;
  await admit(store, hello);
  t.is(store.view.get('nodes', w1)?.spec, spec, 'an unchanged spec is not written');
  await admit(store, aHello('w1', { name: 'renamed' }));
  t.deepEqual(store.view.get('nodes', w1)?.spec, { ...aNode('w1').spec, ...spec, name: 'renamed' });
  await admit(store, aHello('w1', { name: 'renamed' }), 'manager');
  t.like(store.view.get('nodes', w1)?.spec, { name: 'renamed', role: 'manager' });
});

test('a node that was down is ready again, unless its engine is silent', async (t) => {
  const store = await storeWith((tx) => {
    tx.create('nodes', aNode('w1', { state: 'down', since: 5 }));
  });
  await admit(store, aHello('w1', { engine: 'silent' }));
  t.like(store.view.get('nodes', w1)?.status, { state: 'down', since: 5 });
  await admit(store, hello);
  t.is(store.view.get('nodes', w1)?.status.state, 'ready');
});

test('the name of another node is refused, its own is not', async (t) => {
  const store = await storeWith((tx) => {
    tx.create('nodes', aNode('w2', { name: 'w1' }));
  });
  await t.throwsAsync(admit(store, hello), {
    message: /^node name w1 is taken by node w2; remove that node or rename this machine$/u,
  });
});

test('a node of the revocation list is refused, others are not', async (t) => {
  const store = await storeWith((tx) => {
    tx.create('cluster', { id: 'cluster', clusterId: 'c1', name: 'c', revoked: ['w2'] });
  });
  await t.notThrowsAsync(admit(store, hello));
});

test('the reports of a hello update the tasks of the node', async (t) => {
  const store = await storeWith((tx) => {
    tx.create('tasks', aTask(aService('web'), 1, { id: 't1', node: 'w1', state: 'assigned' }));
  });
  const taskId = 't1' as TaskId;
  const result = await admit(
    store,
    aHello('w1', { reports: [{ taskId, status: aStatus('running') }] }),
  );
  t.is(store.view.get('tasks', taskId)?.status.state, 'running');
  t.false(result.hasUnknownTasks);
});

/** A service without tasks, and a gateway and a fence of node w1. */
const withLeases = (tx: Transaction): void => {
  tx.create('services', aService('web'));
  const networkId = aNetwork('front').id;
  tx.create('leases', {
    id: 'address/n-front/10.0.0.2' as LeaseId,
    holder: { kind: 'gateway', nodeId: w1, networkId },
  });
  tx.create('leases', {
    id: 'address/n-front/10.0.0.3' as LeaseId,
    holder: { kind: 'fenced', nodeId: w1 },
  });
};

test('a node that returns without unknown tasks frees its fences and unused gateways', async (t) => {
  const store = await storeWith(withLeases);
  t.deepEqual(await admit(store, hello), { hasUnknownTasks: false });
  t.deepEqual(store.view.list('leases'), []);
});

test('a node that returns with unknown tasks keeps its fences until it has removed them', async (t) => {
  const store = await storeWith((tx) => {
    withLeases(tx);
    tx.create('tasks', aTask(aService('web'), 1, { id: 't1', node: 'w1' }));
  });
  const reports = ['t1', 'unknown'].map((id) => ({
    taskId: id as TaskId,
    status: aStatus('running'),
  }));
  t.deepEqual(await admit(store, aHello('w1', { reports })), { hasUnknownTasks: true });
  t.deepEqual(
    store.view.list('leases').map(({ id }) => id),
    ['address/n-front/10.0.0.3'],
  );
});

test('a node with live tasks is refused only by an empty store that does not know it', async (t) => {
  const reports = (['running', 'failed', 'starting'] as const).map((state, at) => ({
    taskId: `t${String(at)}` as TaskId,
    status: aStatus(state),
  }));
  const live = aHello('w1', { reports });
  await t.throwsAsync(admit(await openTestStore(), live), {
    message: /^the store is empty, but node w1 runs 2 tasks; restore a backup/u,
  });
  const ended = aHello('w1', { reports: reports.slice(1, 2) });
  await t.notThrowsAsync(admit(await openTestStore(), ended));
  const one = aHello('w1', { reports: reports.slice(0, 1) });
  await t.throwsAsync(admit(await openTestStore(), one), { message: /runs 1 tasks/u });
  const known = await storeWith((tx) => tx.create('nodes', aNode('w1')));
  await t.notThrowsAsync(admit(known, live));
  const services = await storeWith((tx) => tx.create('services', aService('web')));
  await t.notThrowsAsync(admit(services, live));
  const tasks = await storeWith((tx) => tx.create('tasks', aTask(aService('web'), 1)));
  await t.notThrowsAsync(admit(tasks, live));
});

test('volumes without a node are bound to the node that has them, external ones to each', async (t) => {
  const volume = (name: string, nodes: readonly string[], more: Partial<Volume> = {}): Volume => ({
    ...aVolume(name, nodes),
    ...more,
  });
  const external = { ...aVolume('shared').spec, external: true };
  const store = await storeWith((tx) => {
    tx.create('volumes', volume('free', []));
    tx.create('volumes', volume('bound', ['w2']));
    tx.create('volumes', volume('leaving', [], { removing: true }));
    tx.create('volumes', volume('shared', ['w2'], { spec: external }));
    tx.create('volumes', volume('mine', ['w1'], { spec: { ...external, name: 'mine' } }));
    tx.create('volumes', volume('other', []));
  });
  const written: string[] = [];
  store.watch(({ changes }) => written.push(...changes.map(({ id }) => id)));
  const names = ['free', 'bound', 'leaving', 'shared', 'mine', 'unknown'];
  await store.update('dispatcher', (tx) => claimVolumes(tx, w1, names));
  const nodesOf = (name: string) => store.view.volumeByName(name)?.nodeIds;
  t.deepEqual(['free', 'bound', 'leaving', 'shared', 'mine', 'other'].map(nodesOf), [
    ['w1'],
    ['w2'],
    [],
    ['w1', 'w2'],
    ['w1'],
    [],
  ] as NodeId[][]);
  t.deepEqual(written.sort(), ['v-free', 'v-shared']);
});

test('a hello claims the volumes that it lists', async (t) => {
  const store = await storeWith((tx) => tx.create('volumes', aVolume('data')));
  await admit(store, aHello('w1', { volumes: ['data'] }));
  t.deepEqual(store.view.volumeByName('data')?.nodeIds, [w1]);
});

test('nodes whose machine runs a manager have that role; only changed ones are written', async (t) => {
  const store = await storeWith((tx) => {
    tx.create('nodes', aNode('w1'));
    tx.create('nodes', aNode('w2', { role: 'manager' }));
    tx.create('nodes', aNode('w3', { role: 'manager' }));
  });
  const written: string[] = [];
  store.watch(({ changes }) => written.push(...changes.map(({ id }) => id)));
  await store.update('dispatcher', (tx) => updateNodeRoles(tx, ['w1', 'w3']));
  t.deepEqual(
    store.view.list('nodes').map(({ spec }) => spec.role),
    ['manager', 'worker', 'manager'],
  );
  t.deepEqual(written, ['w1', 'w2']);
});

test('an equal description is the known object, a changed one the reported one', (t) => {
  const known = hello.description;
  t.is(reuseIfUnchanged(known, { ...known }), known);
  const grown = { ...known, memoryBytes: 1 };
  t.is(reuseIfUnchanged(known, grown), grown);
});
