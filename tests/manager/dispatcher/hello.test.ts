import test from 'ava';
import { aNode } from '../../../fixtures/cluster/build.js';
import type { Hello } from '../../../manager/dispatcher/hello.js';
import { admitNode } from '../../../manager/dispatcher/hello.js';
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
