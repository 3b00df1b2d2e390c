import test from 'ava';
import { aNetwork, aNode, aService, aTask, aVolume } from '../../../../fixtures/cluster/build.js';
import type { LeaseId, NodeId, TaskId } from '../../../../manager/common/model/ids.js';
import { withStuckNode } from '../../../../manager/common/model/network.js';
import {
  cleanUpRemovedNode,
  findRemovedNodes,
} from '../../../../manager/dispatcher/nodes/removed-nodes.js';
import { ManualClock } from '../../../helpers/fakes/manual-clock.js';
import { openTestStore } from '../../../helpers/stores/memory-store.js';

const [gone, kept] = ['gone' as NodeId, 'kept' as NodeId];
const web = aService('web');

/** Two nodes with equal contents, of which `gone` has no record. */
async function cluster() {
  const clock = new ManualClock();
  const store = await openTestStore(clock);
  const front = aNetwork('front');
  await store.update('restore', (tx) => {
    tx.create('nodes', aNode(kept));
    for (const [at, node] of [gone, kept].entries()) {
      const task = (id: string, state: 'running' | 'assigned' | 'failed') =>
        tx.create('tasks', aTask(web, at + 1, { id: `${node}-${id}`, node, state }));
      task('live', 'running');
      task('new', 'assigned');
      task('old', 'failed');
      const lease = (id: string, holder: Parameters<typeof tx.create<'leases'>>[1]['holder']) =>
        tx.create('leases', { id: id as LeaseId, holder });
      lease(`address/f/gateway-${node}`, { kind: 'gateway', nodeId: node, networkId: front.id });
      lease(`address/f/fence-${node}`, { kind: 'fenced', nodeId: node });
      lease(`port/${node}/tcp/80/`, { kind: 'task', taskId: `${node}-live` as TaskId });
    }
    tx.create('volumes', aVolume('both', [gone, kept]));
    tx.create('volumes', aVolume('other', [kept]));
    tx.create('networks', withStuckNode(withStuckNode(front, gone, 'busy'), kept, 'busy'));
    tx.create('networks', aNetwork('back'));
  });
  clock.advance(7_000);
  const changed: string[] = [];
  store.watch(({ changes }) => {
    for (const { table, id } of changes) changed.push(`${table} ${id}`);
  });
  return { store, changed };
}

test('the tasks of a removed node are orphaned, unless they have ended', async (t) => {
  const { store } = await cluster();
  await store.update('dispatcher', (tx) => cleanUpRemovedNode(tx, gone));
  const states = store.view.list('tasks').map(({ id, status }) => `${id} ${status.state}`);
  t.deepEqual(states, [
    'gone-live orphaned',
    'gone-new orphaned',
    'gone-old failed',
    'kept-live running',
    'kept-new assigned',
    'kept-old failed',
  ]);
  t.like(store.view.get('tasks', 'gone-live' as TaskId)?.status, {
    at: 7_000,
    message: 'its node was removed from the cluster',
  });
});

test('a removed node leaves leases, volumes and networks; the rest is not written', async (t) => {
  const { store, changed } = await cluster();
  await store.update('dispatcher', (tx) => cleanUpRemovedNode(tx, gone));
  t.deepEqual(
    store.view.list('leases').map(({ id }) => id),
    ['address/f/fence-kept', 'address/f/gateway-kept', 'port/gone/tcp/80/', 'port/kept/tcp/80/'],
    'leases of tasks are released with their tasks',
  );
  t.deepEqual(store.view.volumeByName('both')?.nodeIds, [kept]);
  t.deepEqual(store.view.networkByName('front')?.leftOn, [{ nodeId: kept, problem: 'busy' }]);
  t.deepEqual([...changed].sort(), [
    'leases address/f/fence-gone',
    'leases address/f/gateway-gone',
    'networks n-front',
    'tasks gone-live',
    'tasks gone-new',
    'volumes v-both',
  ]);
});

test('a node that still has a record is left alone', async (t) => {
  const { store, changed } = await cluster();
  await store.update('dispatcher', (tx) => cleanUpRemovedNode(tx, kept));
  t.deepEqual(changed, []);
});

test('nodes that tasks refer to without a record are found, tasks without a node are not', async (t) => {
  const { store } = await cluster();
  await store.update('restore', (tx) => {
    tx.create('tasks', aTask(web, 9, { id: 'waiting' }));
  });
  t.deepEqual([...findRemovedNodes(store.view)], [gone]);
});
