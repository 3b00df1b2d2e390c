import test from 'ava';
import { isAppError } from '../../../manager/common/base/errors.js';
import { getClusterRecord, updateClusterRecord } from '../../../manager/store/cluster-record.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';

const record = { id: 'cluster', clusterId: 'c1', name: 'test', revoked: [] } as const;

test('a cluster without a record is an internal error', async (t) => {
  const store = await openTestStore();
  const error = t.throws(() => getClusterRecord(store.view), { message: /record not found/u });
  t.true(isAppError(error) && error.kind === 'internal');
});

test('a changed record is written, an unchanged one is not', async (t) => {
  const store = await openTestStore();
  const created = await store.update('control', (tx) => tx.create('cluster', record));
  t.is(getClusterRecord(store.view), created);
  await store.update('control', (tx) => {
    updateClusterRecord(tx, (known) => ({ ...known, revoked: ['n1'] }));
  });
  t.deepEqual(getClusterRecord(store.view).revoked, ['n1']);
  const { index } = store.view;
  await store.update('control', (tx) => {
    updateClusterRecord(tx, (known) => known);
  });
  t.is(store.view.index, index);
});
