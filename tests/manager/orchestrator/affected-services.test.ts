import test from 'ava';
import { aNetwork, aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import type { TaskId } from '../../../manager/common/model/ids.js';
import type { OrchestratorKey } from '../../../manager/orchestrator/affected-services.js';
import {
  affectedKeys,
  allKeys,
  unusedNetworksKey,
} from '../../../manager/orchestrator/affected-services.js';
import type { ClusterStore, Transaction } from '../../../manager/store/store.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';

const db = aService('db');
const api = aService('api', {
  dependsOn: [{ service: 'db', condition: 'service_healthy', required: true, restart: false }],
});
const agent = aService('agent', { global: true });
const node = aNode('n1');
const task = aTask(db, 1, { id: 't1', node: 'n1', state: 'running' });

async function openCluster(): Promise<ClusterStore> {
  const store = await openTestStore();
  await store.update('restore', (tx) => {
    for (const service of [db, api, agent]) tx.create('services', service);
    tx.create('nodes', node);
    tx.create('tasks', task);
  });
  return store;
}

/** Keys that the commit of a change affects. */
async function keysAfter(
  store: ClusterStore,
  change: (tx: Transaction) => void,
): Promise<readonly OrchestratorKey[]> {
  const keys = new Set<OrchestratorKey>();
  const unwatch = store.watch((commit) => {
    for (const key of affectedKeys(store.view, commit)) keys.add(key);
  });
  await store.update('restore', change);
  unwatch();
  return [...keys].sort();
}

const sorted = (...keys: OrchestratorKey[]): readonly OrchestratorKey[] => [...keys].sort();

function changeTask(tx: Transaction, status: { health?: 'healthy'; message?: string }): void {
  const stored = tx.get('tasks', task.id);
  if (stored === undefined) throw new Error('no task');
  tx.put('tasks', { ...stored, status: { ...stored.status, ...status } });
}

test('all keys are every service and the unused networks', async (t) => {
  const { view } = await openCluster();
  t.deepEqual([...allKeys(view)].sort(), sorted(db.id, api.id, agent.id, unusedNetworksKey));
});

test('a task affects its service and the services that wait for it', async (t) => {
  const store = await openCluster();
  const keys = await keysAfter(store, (tx) => {
    changeTask(tx, { health: 'healthy' });
  });
  t.deepEqual(keys, sorted(db.id, api.id));
});

test('a task of a stopping dependent affects the service that waits for its end', async (t) => {
  const store = await openTestStore();
  const dependsOn = [
    { service: 'db', condition: 'service_healthy', required: true, restart: true },
  ] as const;
  const web = aService('web', { dependsOn, dependenciesMet: false });
  const running = aTask(web, 1, { id: 'w1', node: 'n1', desired: 'shutdown' });
  await store.update('restore', (tx) => {
    for (const service of [db, web]) tx.create('services', service);
    tx.create('nodes', node);
    tx.create('tasks', running);
  });
  const ends = await keysAfter(store, (tx) => {
    const stored = tx.get('tasks', running.id);
    if (stored === undefined) throw new Error('no task');
    tx.put('tasks', { ...stored, status: { ...stored.status, state: 'shutdown' } });
  });
  t.deepEqual(ends, sorted(db.id, web.id));
  const lost = await keysAfter(store, (tx) => {
    tx.put('nodes', { ...node, status: { ...node.status, state: 'down' } });
  });
  t.true(lost.includes(db.id));
});

test('a task affects no service whose dependencies have been met before', async (t) => {
  const store = await openCluster();
  await store.update('restore', (tx) => {
    const stored = tx.get('services', api.id);
    if (stored !== undefined) tx.put('services', { ...stored, dependenciesMet: true });
  });
  const keys = await keysAfter(store, (tx) => {
    changeTask(tx, { health: 'healthy' });
  });
  t.deepEqual(keys, [db.id]);
});

test('a change of a task that no decision reads affects nothing', async (t) => {
  const store = await openCluster();
  const keys = await keysAfter(store, (tx) => {
    changeTask(tx, { message: 'still pulling' });
  });
  t.deepEqual(keys, []);
});

test('a removed task may leave a network unused', async (t) => {
  const store = await openCluster();
  const keys = await keysAfter(store, (tx) => {
    tx.remove('tasks', 't1' as TaskId);
  });
  t.deepEqual(keys, sorted(db.id, api.id, unusedNetworksKey));
});

test('a node affects the services of its tasks and global services', async (t) => {
  const store = await openCluster();
  const keys = await keysAfter(store, (tx) => {
    const stored = tx.get('nodes', node.id);
    if (stored === undefined) throw new Error('no node');
    tx.put('nodes', { ...stored, status: { ...stored.status, state: 'down' } });
  });
  t.deepEqual(keys, sorted(db.id, agent.id, unusedNetworksKey));
});

test('a heartbeat of a node affects nothing', async (t) => {
  const store = await openCluster();
  const keys = await keysAfter(store, (tx) => {
    const stored = tx.get('nodes', node.id);
    if (stored === undefined) throw new Error('no node');
    tx.put('nodes', { ...stored, status: { ...stored.status, message: 'alive' } });
  });
  t.deepEqual(keys, []);
});

test('a removed service affects itself, its dependents and its networks', async (t) => {
  const store = await openCluster();
  const keys = await keysAfter(store, (tx) => {
    tx.remove('tasks', 't1' as TaskId);
    tx.remove('services', db.id);
  });
  t.deepEqual(keys, sorted(db.id, api.id, unusedNetworksKey));
});

test('a new network may be unused', async (t) => {
  const store = await openCluster();
  const keys = await keysAfter(store, (tx) => {
    tx.create('networks', aNetwork('demo_default'));
  });
  t.deepEqual(keys, [unusedNetworksKey]);
});

test('tasks over quota wake their services when usage falls or the quota changes', async (t) => {
  const store = await openCluster();
  await store.update('restore', (tx) => {
    tx.create('tasks', aTask(agent, 9, { id: 'waits', overQuota: true }));
  });
  const changed = await keysAfter(store, (tx) => tx.create('projects', { id: 'demo', quota: {} }));
  t.deepEqual(changed, [agent.id]);
  const grown = await keysAfter(store, (tx) => tx.create('tasks', aTask(db, 5, { id: 'more' })));
  t.false(grown.includes(agent.id));
  const ended = await keysAfter(store, (tx) => {
    const stored = tx.get('tasks', task.id);
    if (stored !== undefined)
      tx.put('tasks', { ...stored, status: { ...stored.status, state: 'failed' } });
  });
  t.true(ended.includes(agent.id));
  const lost = await keysAfter(store, (tx) => {
    const stored = tx.get('nodes', node.id);
    if (stored !== undefined)
      tx.put('nodes', { ...stored, status: { ...stored.status, state: 'down' } });
  });
  t.true(lost.includes(agent.id));
});
