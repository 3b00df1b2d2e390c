import test from 'ava';
import { aNetwork, aNode } from '../../../fixtures/cluster/build.js';
import type { NodeId } from '../../../manager/common/model/ids.js';
import { backgroundWrite } from '../../../manager/dispatcher/background-write.js';
import { NodeRecords } from '../../../manager/dispatcher/node-records.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';

const [w1, w2] = ['w1' as NodeId, 'w2' as NodeId];
const [front, back] = [aNetwork('front'), aNetwork('back')];
const onFront = { networkId: front.id, problem: 'endpoints are leaked' };
const onBack = { networkId: back.id, problem: 'in use' };

/** Two nodes and two networks; `leftOn` waits for all writes. */
async function cluster() {
  const store = await openTestStore();
  await store.update('restore', (tx) => {
    for (const id of ['w1', 'w2']) tx.create('nodes', aNode(id));
    for (const network of [front, back]) tx.create('networks', network);
  });
  const records = new NodeRecords(store, backgroundWrite(store, silentLogger));
  const leftOn = async () => {
    await store.update('dispatcher', () => undefined);
    return [front, back].map(({ id }) => store.view.get('networks', id)?.leftOn);
  };
  return { store, records, leftOn };
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
