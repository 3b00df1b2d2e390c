import test from 'ava';
import { aNode } from '../../../fixtures/cluster/build.js';
import { StoreMeter } from '../../../manager/stats/store-meter.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';

test('commits are counted by writer, and changed objects in total', async (t) => {
  const store = await openTestStore();
  const meter = new StoreMeter(store, () => undefined);
  await store.update('control', (tx) => {
    tx.create('nodes', aNode('n1'));
    tx.create('nodes', aNode('n2'));
  });
  await store.update('control', (tx) => {
    tx.remove('nodes', aNode('n1').id);
  });
  t.deepEqual([...meter.counters.commits], [['control', 2]]);
  t.is(meter.counters.changes, 3);
});
