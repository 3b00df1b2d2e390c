import test from 'ava';
import { aNetwork } from '../../../fixtures/cluster/build.js';
import type { ErrorKind } from '../../../manager/common/base/errors.js';
import { isAppError } from '../../../manager/common/base/errors.js';
import type { NetworkId } from '../../../manager/common/model/ids.js';
import { TableSet } from '../../../manager/store/tables.js';
import { TableTransaction } from '../../../manager/store/transaction.js';

const network = aNetwork('a');

/** Begins transactions over the same tables; each has the next version. */
function tables(): { readonly all: TableSet; readonly begin: () => TableTransaction } {
  const all = new TableSet();
  let version = 10;
  return {
    all,
    begin() {
      version += 1;
      return new TableTransaction(all, { actor: 'control', version, now: version * 100 });
    },
  };
}

function refusal(kind: ErrorKind, work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (isAppError(error) && error.kind === kind) return error.message;
    throw error;
  }
  return '';
}

test('a created object has the version and time of its transaction, whatever its draft says', (t) => {
  const tx = tables().begin();
  const draft = { ...network, version: 3, createdAt: 3, updatedAt: 3 };
  const created = tx.create('networks', draft);
  t.deepEqual(created, { ...network, version: 11, createdAt: 1100, updatedAt: 1100 });
  t.is(tx.get('networks', network.id), created);
  t.is(tx.networkByName('a'), created);
  t.is(tx.index, 11);
  t.is(tx.now, 1100);
});

test('a replaced object keeps its time of creation', (t) => {
  const { begin } = tables();
  const created = begin().create('networks', network);
  const put = begin().put('networks', { ...created, vni: 5, createdAt: 1 });
  t.deepEqual(put, { ...created, vni: 5, version: 12, createdAt: 1100, updatedAt: 1200 });
});

test('an id or a name that is taken is a conflict', (t) => {
  const { begin } = tables();
  const tx = begin();
  tx.create('networks', network);
  t.is(
    refusal('conflict', () => tx.create('networks', network)),
    'network n-a already exists',
  );
  const twin = { ...network, id: 'n-b' as NetworkId };
  t.is(
    refusal('conflict', () => tx.create('networks', twin)),
    'network a already exists',
  );
  const other = tx.create('networks', aNetwork('c'));
  const renamed = { ...other, spec: { ...other.spec, name: 'a' } };
  t.is(
    refusal('conflict', () => tx.put('networks', renamed)),
    'network a already exists',
  );
});

test('an object that is gone or has changed since it was read is a conflict', (t) => {
  const { begin } = tables();
  const tx = begin();
  t.is(
    refusal('conflict', () => tx.put('networks', network)),
    'network n-a no longer exists',
  );
  const created = tx.create('networks', network);
  begin().put('networks', created);
  const late = begin();
  t.is(
    refusal('conflict', () => late.put('networks', created)),
    'network n-a: update out of sequence',
  );
});

test('the changes of a transaction are one for each object, from its first to its last state', (t) => {
  const { begin } = tables();
  const [old, gone] = ['old', 'gone'].map((name) => begin().create('networks', aNetwork(name)));
  if (old === undefined || gone === undefined) return t.fail();
  const tx = begin();
  const first = tx.put('networks', { ...old, vni: 1 });
  const last = tx.put('networks', { ...first, vni: 2 });
  tx.remove('networks', gone.id);
  tx.create('networks', aNetwork('short'));
  tx.remove('networks', aNetwork('short').id);
  tx.remove('networks', 'n-never' as NetworkId);
  const created = tx.create('networks', network);
  t.deepEqual(tx.seal(), [
    { table: 'networks', id: old.id, before: old, after: last },
    { table: 'networks', id: gone.id, before: gone, after: undefined },
    { table: 'networks', id: network.id, before: undefined, after: created },
  ]);
});

test('undoing a transaction restores every object', (t) => {
  const { all, begin } = tables();
  const old = begin().create('networks', aNetwork('old'));
  const tx = begin();
  const changed = tx.put('networks', { ...old, spec: { ...old.spec, name: 'new' } });
  tx.put('networks', { ...changed, vni: 9 });
  tx.create('networks', { ...aNetwork('old'), id: 'n-2' as NetworkId });
  tx.remove('networks', old.id);
  tx.undo();
  t.deepEqual(all.list('networks'), [old]);
  t.is(all.byName('networks', 'old'), old);
  t.is(all.byName('networks', 'new'), undefined);
});

test('a transaction that has ended refuses every write', (t) => {
  const { all, begin } = tables();
  const old = begin().create('networks', aNetwork('old'));
  const message = 'transaction: write after the transaction has ended';
  for (const end of ['seal', 'undo'] as const) {
    const tx = begin();
    tx[end]();
    t.is(
      refusal('internal', () => tx.create('networks', network)),
      message,
    );
    t.is(
      refusal('internal', () => tx.put('networks', old)),
      message,
    );
    t.is(
      refusal('internal', () => tx.remove('networks', old.id)),
      message,
    );
  }
  t.deepEqual(all.list('networks'), [old]);
});
