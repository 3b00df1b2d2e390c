import test from 'ava';
import { AppError } from '../../../../manager/common/base/errors.js';
import type { DurableWrite } from '../../../../manager/store/backend.js';
import { openConsul } from '../../../../manager/store/consul/consul.js';
import {
  consulOptions,
  consulRoot,
  isRaise,
  keysOf,
  loseAnswer,
  newInMemory,
  objectsIn,
  openInMemory,
  putService,
  refusalOf,
  removeService,
} from '../../../helpers/stores/consul-in-memory.js';
import { MemoryKv } from '../../../helpers/fakes/memory-kv.js';

test('a new store has a record of its cluster and nothing else', async (t) => {
  const { kv } = await newInMemory();
  t.is(kv.checked, 1);
  t.deepEqual([...kv.entries.keys()], [`${consulRoot}meta`]);
  const meta = JSON.parse(kv.entries.get(`${consulRoot}meta`)?.value.toString() ?? '') as unknown;
  t.deepEqual(meta, { format: 1, clusterId: 'c1', clusterName: 'test', epoch: 1, owner: 'm1' });
});

test('a prefix with keys of another application is refused, the leader lock is no such key', async (t) => {
  const kv = new MemoryKv();
  kv.set(`${consulRoot}leader`, '{}');
  kv.set('shoal/test2/nodes/n1', '{}');
  await t.notThrowsAsync(openInMemory(kv));
  const other = new MemoryKv();
  other.set(`${consulRoot}leader`, '{}');
  other.set(`${consulRoot}app/config`, '');
  t.regex(
    await refusalOf('conflict', openInMemory(other)),
    /consul has key shoal\/test\/app\/config, but/u,
  );
});

test('a small batch is one transaction that checks the fence and the index of each key', async (t) => {
  const { kv, backend } = await newInMemory();
  await backend.commit([putService('a'), putService('b')]);
  t.deepEqual(kv.transactions.map(keysOf), [
    ['check-index meta', 'cas services/a', 'cas services/b'],
  ]);
  await backend.commit([putService('a', { n: 2 }), removeService('b')]);
  t.deepEqual(keysOf(kv.transactions[1]), [
    ...['check-index meta', 'cas services/a', 'delete-cas services/b'],
  ]);
  t.deepEqual(await objectsIn(kv), [{ id: 'a', n: 2 }]);
});

test('a batch that changes nothing makes no request', async (t) => {
  const { kv, backend } = await newInMemory();
  await backend.commit([]);
  await backend.commit([removeService('never')]);
  t.deepEqual(kv.transactions, []);
});

test('a reopened store continues with the objects that it has read', async (t) => {
  const kv = new MemoryKv();
  const first = await openInMemory(kv);
  await first.commit([putService('a'), putService('b')]);
  await first.close();
  t.is(kv.closed, 1);
  const second = await openInMemory(kv);
  await second.commit([putService('a', { n: 2 }), removeService('b'), putService('c')]);
  t.deepEqual(await objectsIn(kv), [{ id: 'a', n: 2 }, { id: 'c' }]);
});

test('a key that was changed by hand is not overwritten, and the store must be reopened', async (t) => {
  const { kv, backend } = await newInMemory();
  await backend.commit([putService('a')]);
  kv.set(`${consulRoot}services/a`, 'by hand');
  const message = /^consul store must be reopened: cas shoal\/test\/services\/a failed$/u;
  t.regex(await refusalOf('conflict', backend.commit([putService('a', { n: 2 })])), message);
  t.is(kv.entries.get(`${consulRoot}services/a`)?.value.toString(), 'by hand');
  t.regex(await refusalOf('conflict', backend.commit([putService('b')])), message);
  t.regex(await refusalOf('conflict', backend.load()), message);
  t.regex(((await backend.lost) as Error).message, message);
});

test('the last process that opened the store is the only one that writes', async (t) => {
  const kv = new MemoryKv();
  const [first, second] = [await openInMemory(kv), await openInMemory(kv, 'm2')];
  t.regex(
    await refusalOf('conflict', first.commit([putService('a')])),
    /check-index .*meta failed/u,
  );
  await second.commit([putService('b')]);
  t.deepEqual(await objectsIn(kv), [{ id: 'b' }]);
});

test('objects that were read while another manager took over are not used', async (t) => {
  const kv = new MemoryKv();
  const first = await openInMemory(kv);
  await openInMemory(kv, 'm2');
  const message = await refusalOf('conflict', first.load());
  t.is(message, 'consul store: another manager has taken over');
});

test('a write needs the lock that its leader holds', async (t) => {
  const kv = new MemoryKv();
  kv.set(`${consulRoot}leader`, 'm1');
  const lock = {
    key: `${consulRoot}leader`,
    index: kv.entries.get(`${consulRoot}leader`)?.index ?? 0,
  };
  const options = consulOptions(kv);
  const backend = await openConsul({ ...options, lock });
  await backend.commit([putService('a')]);
  t.deepEqual(keysOf(kv.transactions.at(-1)), [
    ...['check-index leader', 'check-index meta', 'cas services/a'],
  ]);
  kv.set(`${consulRoot}leader`, 'm2');
  await refusalOf('conflict', backend.commit([putService('b')]));
  t.regex(await refusalOf('conflict', openConsul({ ...options, lock })), /has taken over/u);
});

test('an error before the execution is passed on, and later writes succeed', async (t) => {
  const { kv, backend } = await newInMemory();
  kv.intercept = () => {
    throw new AppError('forbidden', 'no permission');
  };
  t.is(await refusalOf('forbidden', backend.commit([putService('a')])), 'no permission');
  kv.intercept = undefined;
  await backend.commit([putService('a')]);
  t.deepEqual(await objectsIn(kv), [{ id: 'a' }]);
});

test('a write whose answer was lost is found done after the fence was raised', async (t) => {
  const { kv, backend } = await newInMemory();
  await backend.commit([putService('a'), putService('gone')]);
  kv.transactions.length = 0;
  kv.intercept = (_, run) => {
    kv.intercept = undefined;
    run();
    return loseAnswer();
  };
  await backend.commit([putService('a', { n: 2 }), removeService('gone')]);
  t.deepEqual(kv.transactions.map(keysOf), [
    ['check-index meta', 'cas services/a', 'delete-cas services/gone'],
    ['cas meta'],
  ]);
  await backend.commit([putService('a', { n: 3 }), putService('gone', { n: 3 })]);
  t.deepEqual(await objectsIn(kv), [
    { id: 'a', n: 3 },
    { id: 'gone', n: 3 },
  ]);
});

test('a write that was lost on its way is sent again', async (t) => {
  for (const writes of [[putService('b')], [putService('a', { n: 2 })], [removeService('a')]]) {
    const { kv, backend } = await newInMemory();
    await backend.commit([putService('a')]);
    kv.transactions.length = 0;
    kv.intercept = () => {
      kv.intercept = undefined;
      return loseAnswer();
    };
    await backend.commit(writes);
    t.is(kv.transactions.length, 3);
    t.deepEqual(keysOf(kv.transactions[0]), keysOf(kv.transactions[2]));
    t.is((await objectsIn(kv)).length, writes[0]?.id === 'b' ? 2 : writes[0]?.value ? 1 : 0);
  }
});

test('a late copy of a write that was sent again is refused by the fence', async (t) => {
  const { kv, backend } = await newInMemory();
  let late = (): unknown => undefined;
  kv.intercept = (_, run) => {
    kv.intercept = undefined;
    late = run;
    return loseAnswer();
  };
  await backend.commit([putService('a')]);
  t.throws(late, { message: /check-index .*meta failed/u });
});

test('a write without an answer after four attempts leaves the store unwritable', async (t) => {
  const { kv, backend } = await newInMemory();
  kv.intercept = (operations) => (isRaise(operations) ? undefined : loseAnswer());
  const message = await refusalOf('unavailable', backend.commit([putService('a')]));
  t.is(
    message,
    'consul store cannot be written: no answer; containers keep running, retry changes later',
  );
  t.is(kv.transactions.filter((operations) => !isRaise(operations)).length, 4);
  kv.intercept = undefined;
  t.is(await refusalOf('unavailable', backend.commit([putService('a')])), message);
  t.is(((await backend.lost) as Error).message, message);
});

test('a fence that cannot be raised after a lost answer leaves the store unwritable', async (t) => {
  const { kv, backend } = await newInMemory();
  kv.intercept = (operations) => {
    if (isRaise(operations)) throw new AppError('forbidden', 'no permission');
    return loseAnswer();
  };
  t.regex(
    await refusalOf('unavailable', backend.commit([putService('a')])),
    /written: no permission;/u,
  );
});

test('parts of an object that was never finished are removed, and may be written again', async (t) => {
  const { kv } = await newInMemory();
  kv.set(`${consulRoot}parts/1/services/big`, 'orphan');
  const backend = await openInMemory(kv);
  t.false(kv.entries.has(`${consulRoot}parts/1/services/big`));
  const big = putService('big', { text: 'x'.repeat(600_000) });
  await backend.commit([big]);
  await backend.close();
  t.deepEqual(await objectsIn(kv), [big.value] as never);
});

test('an object that becomes smaller or is removed leaves no parts behind', async (t) => {
  const { kv, backend } = await newInMemory();
  const sized = (length: number): DurableWrite => putService('big', { text: 'x'.repeat(length) });
  const partsLeft = async (write: DurableWrite): Promise<number> => {
    await backend.commit([write]);
    await backend.commit([putService('next', { after: write.value === undefined })]);
    return [...kv.entries.keys()].filter((key) => key.includes('/parts/')).length;
  };
  t.is(await partsLeft(sized(900_000)), 3);
  t.is(await partsLeft(sized(300_000)), 1);
  t.is(await partsLeft(sized(10)), 0);
  t.is(await partsLeft(sized(900_000)), 3);
  t.is(await partsLeft(removeService('big')), 0);
});
