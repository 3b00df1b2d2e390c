import test from 'ava';
import { aNode } from '../../../fixtures/cluster/build.js';
import type { Hello } from '../../../manager/dispatcher/hello.js';
import { admitNode } from '../../../manager/dispatcher/hello.js';
import { ManualClock } from '../../helpers/fakes/manual-clock.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';

const { description } = aNode('w1');
const hello: Hello = {
  ...{ kind: 'hello', version: 1, clusterId: 'c1', nodeId: 'w1', name: 'w1', description },
  ...{ reports: [], volumes: [], networks: [] },
};

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
