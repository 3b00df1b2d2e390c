import test from 'ava';
import { aNetwork, aNode, aService, aTask, aVolume } from '../../../../fixtures/cluster/build.js';
import type { NodeId, TaskId } from '../../../../manager/common/model/ids.js';
import { backgroundWrite } from '../../../../manager/dispatcher/background-write.js';
import { NodeRecords } from '../../../../manager/dispatcher/nodes/node-records.js';
import { silentLogger } from '../../../helpers/fakes/silent-logger.js';
import { ManualClock } from '../../../helpers/fakes/manual-clock.js';
import { openTestStore } from '../../../helpers/stores/memory-store.js';

const [w1, w2] = ['w1' as NodeId, 'w2' as NodeId];
const [front, back] = [aNetwork('front'), aNetwork('back')];
const onFront = { networkId: front.id, problem: 'endpoints are leaked' };
const onBack = { networkId: back.id, problem: 'in use' };

/** Two nodes and two networks; `leftOn` waits for all writes. */
async function cluster() {
  const clock = new ManualClock();
  const store = await openTestStore(clock);
  await store.update('restore', (tx) => {
    for (const id of ['w1', 'w2']) tx.create('nodes', aNode(id));
    for (const network of [front, back]) tx.create('networks', network);
  });
  const records = new NodeRecords(store, backgroundWrite(store, silentLogger));
  const leftOn = async () => {
    await store.update('dispatcher', () => undefined);
    return [front, back].map(({ id }) => store.view.get('networks', id)?.leftOn);
  };
  const written: string[] = [];
  store.watch(({ changes }) => {
    for (const { table, id } of changes) written.push(`${table} ${id}`);
  });
  const settled = () => store.update('dispatcher', () => undefined);
  return { clock, store, records, leftOn, written, settled };
}

test('networks record the nodes that they are left on, until a report no longer lists them', async (t) => {
  const { records, leftOn } = await cluster();
  records.setStuckNetworks(w1, [onFront], undefined);
  records.setStuckNetworks(w2, [onFront, onBack], []);
  const { problem } = onFront;
  t.deepEqual(await leftOn(), [
    [
      { nodeId: w1, problem },
      { nodeId: w2, problem },
    ],
    [{ nodeId: w2, problem: onBack.problem }],
  ]);
  records.setStuckNetworks(w1, [], [onFront]);
  records.setStuckNetworks(w2, [{ ...onBack, problem: 'busy' }], [onFront, onBack]);
  t.deepEqual(await leftOn(), [undefined, [{ nodeId: w2, problem: 'busy' }]]);
});

test('a report that is withdrawn before it is written leaves nothing', async (t) => {
  const { records, leftOn } = await cluster();
  records.setStuckNetworks(w1, [onFront], []);
  records.setStuckNetworks(w1, [], [onFront]);
  t.deepEqual(await leftOn(), [undefined, undefined]);
});

test('the first report of a session corrects all networks, a repeated one writes nothing', async (t) => {
  const { store, records, leftOn } = await cluster();
  records.setStuckNetworks(w1, [onFront], []);
  records.setStuckNetworks(w1, [onBack], undefined);
  t.deepEqual(await leftOn(), [undefined, [{ nodeId: w1, problem: onBack.problem }]]);
  let commits = 0;
  store.watch(({ changes }) => {
    commits += changes.length;
  });
  records.setStuckNetworks(w1, [onBack], [onBack]);
  records.setStuckNetworks(w1, [onBack], undefined);
  await leftOn();
  t.is(commits, 0);
});

test('a removed node is removed from the networks, and late reports do not return it', async (t) => {
  const { store, records, leftOn } = await cluster();
  records.setStuckNetworks(w1, [onFront], undefined);
  records.setStuckNetworks(w2, [onFront], undefined);
  await store.update('control', (tx) => {
    tx.remove('nodes', w1);
  });
  records.cleanUpRemoved(w1);
  records.setStuckNetworks(w1, [onFront, onBack], [onFront]);
  t.deepEqual(await leftOn(), [[{ nodeId: w2, problem: onFront.problem }], undefined]);
});

test('a new leader forgets what nodes have observed until they report again', async (t) => {
  const { store, records, leftOn } = await cluster();
  records.setStuckNetworks(w1, [onFront], undefined);
  await records.resetAll();
  t.deepEqual(await leftOn(), [undefined, undefined]);
  t.is(store.view.get('nodes', w1)?.status.state, 'unknown');
});

test('a node that is already down keeps the time since when it is down', async (t) => {
  const { store, records, leftOn } = await cluster();
  await store.update('restore', (tx) => {
    const node = tx.get('nodes', w1);
    const { status } = aNode('w1', { state: 'down', since: 5 });
    if (node !== undefined) tx.put('nodes', { ...node, status });
  });
  records.markDown(w1, 'fenced', 'silent');
  await leftOn();
  t.like(store.view.get('nodes', w1)?.status, { since: 5, message: 'fenced', engine: 'silent' });
});

test('a new leader writes only networks that were left on nodes, and every node', async (t) => {
  const { records, written, settled } = await cluster();
  records.setStuckNetworks(w1, [onFront], []);
  await settled();
  written.length = 0;
  await records.resetAll();
  t.deepEqual([...written].sort(), ['networks n-front', 'nodes w1', 'nodes w2']);
});

test('a new leader orphans the tasks of nodes that were removed just before', async (t) => {
  const { store, records } = await cluster();
  await store.update('restore', (tx) => {
    tx.create('tasks', aTask(aService('web'), 1, { id: 'lost', node: 'w9' }));
    tx.create('tasks', aTask(aService('web'), 2, { id: 'kept', node: 'w1' }));
  });
  await records.resetAll();
  const stateOf = (id: string) => store.view.get('tasks', id as TaskId)?.status.state;
  t.deepEqual([stateOf('lost'), stateOf('kept')], ['orphaned', 'running']);
});

test('a changed description is written, an equal one and that of a removed node are not', async (t) => {
  const { store, records, written, settled } = await cluster();
  const { description } = aNode('w1');
  records.describe(w1, { ...description });
  records.describe('gone' as NodeId, description);
  await settled();
  t.deepEqual(written, []);
  records.describe(w1, { ...description, memoryBytes: 5 });
  await settled();
  t.is(store.view.get('nodes', w1)?.description.memoryBytes, 5);
  t.deepEqual(written, ['nodes w1']);
});

test('a node is unknown while its engine is silent, and ready again when it answers', async (t) => {
  const { clock, store, records, settled } = await cluster();
  clock.advance(2_000);
  records.setEngine(w1, 'silent');
  await settled();
  t.deepEqual(store.view.get('nodes', w1)?.status, {
    state: 'unknown',
    since: 2_000,
    message: 'Docker engine does not answer',
    engine: 'silent',
  });
  clock.advance(3_000);
  records.setEngine(w1, 'answering');
  await settled();
  t.deepEqual(store.view.get('nodes', w1)?.status, { state: 'ready', since: 5_000, message: '' });
});

test('the engine of a down or removed node changes nothing', async (t) => {
  const { records, store, settled } = await cluster();
  records.markDown(w1, 'machine does not answer');
  records.setEngine(w1, 'answering');
  records.setEngine('gone' as NodeId, 'silent');
  await settled();
  t.is(store.view.get('nodes', w1)?.status.state, 'down');
  t.is(store.view.count('nodes'), 2);
});

test('a node is down since it was marked, with the reason and without an engine', async (t) => {
  const { clock, store, records, settled } = await cluster();
  clock.advance(4_000);
  records.markDown(w1, 'machine does not answer');
  records.markDown('gone' as NodeId, 'machine does not answer');
  await settled();
  t.deepEqual(store.view.get('nodes', w1)?.status, {
    state: 'down',
    since: 4_000,
    message: 'machine does not answer',
  });
  t.is(store.view.count('nodes'), 2);
});

test('a report on a network that is gone writes nothing', async (t) => {
  const { store, records, written, settled } = await cluster();
  await store.update('restore', (tx) => tx.remove('networks', back.id));
  written.length = 0;
  records.setStuckNetworks(w1, [onBack], []);
  await settled();
  t.deepEqual(written, []);
});

test('a new volume is bound to every connected holder that may have it', async (t) => {
  const { store, records, written, settled } = await cluster();
  const spec = { ...aVolume('data').spec, external: true };
  await store.update('restore', (tx) => tx.create('volumes', { ...aVolume('data'), spec }));
  written.length = 0;
  const before = store.view.index;
  records.claimVolume('data', []);
  await settled();
  t.is(store.view.index, before);
  records.claimVolume('data', [w2, w1]);
  await settled();
  t.deepEqual(store.view.volumeByName('data')?.nodeIds, [w1, w2]);
});

test('the roles of nodes follow the list of managers', async (t) => {
  const { store, records, settled } = await cluster();
  records.updateRoles(['w2']);
  await settled();
  t.deepEqual(
    store.view.list('nodes').map(({ spec }) => spec.role),
    ['worker', 'manager'],
  );
});
