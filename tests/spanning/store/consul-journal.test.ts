import { randomBytes } from 'node:crypto';
import test from 'ava';
import { AppError } from '../../../manager/common/base/errors.js';
import type { DurableWrite } from '../../../manager/store/backend.js';
import { openConsul } from '../../../manager/store/consul/consul.js';
import {
  consulOptions,
  consulRoot,
  isJournal,
  isRaise,
  keysOf,
  loseAnswer,
  newInMemory,
  objectsIn,
  openInMemory,
  putService,
  refusalOf,
  removeService,
} from '../../helpers/stores/consul-in-memory.js';
import { MemoryKv } from '../../helpers/fakes/memory-kv.js';

/** More writes than fit one transaction. */
function many(count = 100, changes: object = {}): readonly DurableWrite[] {
  return Array.from({ length: count }, (_, n) => putService(`s${n}`, { n, ...changes }));
}

test('a batch that is too large for one transaction is committed by its journal', async (t) => {
  const { kv, backend } = await newInMemory();
  await backend.commit(many());
  await backend.commit([putService('last')]);
  const [journal] = kv.transactions;
  t.regex(
    keysOf(journal).join(' '),
    /^check-index meta set journal\/.{10,}\/0 cas journal\/commit$/u,
  );
  const left = [...kv.entries.keys()].filter((key) => key.startsWith(`${consulRoot}journal/`));
  t.deepEqual(left, [`${consulRoot}journal/commit`]);
  t.is(kv.entries.size, 103);
  await backend.commit(many(100, { again: true }));
  await backend.close();
  t.is(kv.closed, 1);
  const objects = await objectsIn(kv);
  t.deepEqual([objects.length, objects.filter((value) => 'again' in value).length], [101, 100]);
});

test('the store is closed only after a journal was applied', async (t) => {
  const { kv, backend } = await newInMemory();
  let go = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    go = resolve;
  });
  kv.intercept = async (operations, run) => {
    if (keysOf(operations).some((key) => key.startsWith('cas services/'))) await held;
    return run();
  };
  await backend.commit(many());
  const closing = backend.close();
  await new Promise(setImmediate);
  t.is(kv.closed, 0);
  go();
  await closing;
  t.is(kv.closed, 1);
  t.is(kv.entries.size, 102);
});

test('a load waits until the journal of its own process was applied', async (t) => {
  const { backend } = await newInMemory();
  await backend.commit(many());
  t.is((await backend.load()).length, 100);
  await t.notThrowsAsync(backend.commit([putService('s1', { n: 'new' })]));
});

/** Commits a large batch of which nothing is applied; returns after the commit was acknowledged. */
async function crashAfterCommit(kv: MemoryKv, writes: readonly DurableWrite[]): Promise<void> {
  const backend = await openInMemory(kv);
  kv.intercept = (operations) => {
    if (isJournal(operations)) return undefined;
    throw new AppError('unavailable', 'crashed');
  };
  await backend.commit(writes);
  await backend.lost;
  kv.intercept = undefined;
}

test('a committed journal of a process that crashed is applied by the next one', async (t) => {
  const kv = new MemoryKv();
  const first = await openInMemory(kv);
  await first.commit([putService('s0', { old: true }), putService('gone'), putService('kept')]);
  const large = putService('large', { text: 'x'.repeat(600_000) });
  await crashAfterCommit(kv, [...many(), removeService('gone'), removeService('never'), large]);
  const backend = await openConsul(consulOptions(kv, 'm2'));
  const records = await backend.load();
  t.is(records.length, 102);
  t.deepEqual(
    records.find(({ value }) => (value as { id: string }).id === 's0')?.value,
    many()[0]?.value,
  );
  t.deepEqual(
    [...kv.entries.keys()].filter((key) => key.startsWith(`${consulRoot}journal/`)),
    [`${consulRoot}journal/commit`],
  );
  await backend.commit([putService('s0', { n: 'next' }), ...many(90, { more: true }).slice(1)]);
  await backend.close();
  t.is((await objectsIn(kv)).filter((value) => 'more' in value).length, 89);
});

test('a journal without its commit record never happened and is removed', async (t) => {
  const { kv, backend } = await newInMemory();
  const noise = incompressible();
  kv.intercept = (operations) => {
    if (!keysOf(operations).includes('cas journal/commit')) return undefined;
    throw new AppError('unavailable', 'crashed');
  };
  await refusalOf('unavailable', backend.commit(noise));
  kv.intercept = undefined;
  t.true([...kv.entries.keys()].filter((key) => key.includes('/journal/')).length >= 2);
  t.deepEqual(await objectsIn(kv), []);
  t.deepEqual([...kv.entries.keys()], [`${consulRoot}meta`]);
});

/** Writes with random text, which compression does not make small enough for one request. */
function incompressible(): readonly DurableWrite[] {
  return ['a', 'b'].map((id) => putService(id, { text: randomBytes(225_000).toString('base64') }));
}

test('a journal of several requests is committed by the last one', async (t) => {
  const { kv, backend } = await newInMemory();
  const noise = incompressible();
  await backend.commit(noise);
  const at = kv.transactions.findIndex((each) => keysOf(each).includes('cas journal/commit'));
  t.true(at >= 2);
  t.deepEqual(keysOf(kv.transactions[at]), ['check-index meta', 'cas journal/commit']);
  await backend.close();
  t.deepEqual(await objectsIn(kv), noise.map(({ value }) => value) as never);
});

test('a journal of several pieces is applied after a crash', async (t) => {
  const kv = new MemoryKv();
  const writes = incompressible();
  await crashAfterCommit(kv, writes);
  t.true([...kv.entries.keys()].filter((key) => key.includes('/journal/')).length >= 3);
  t.deepEqual(
    await objectsIn(kv),
    writes.map(({ value }) => value),
  );
});

test('a damaged commit record is refused with its key', async (t) => {
  const { kv } = await newInMemory();
  kv.set(`${consulRoot}journal/commit`, '{}');
  const error = await t.throwsAsync(openInMemory(kv));
  t.regex(error.message, /^consul key shoal\/test\/journal\/commit: batch must be a string/u);
});

test('a journal with a missing piece is not applied', async (t) => {
  const kv = new MemoryKv();
  await crashAfterCommit(kv, many());
  const piece = [...kv.entries.keys()].find((key) => key.endsWith('/0'));
  kv.entries.delete(piece ?? '');
  const error = await t.throwsAsync(openInMemory(kv));
  t.regex(error.message, /^consul journal \S+ is damaged; restore the store from a backup$/u);
});

test('requests of a journal that the raised fence refuses are sent again', async (t) => {
  const { kv, backend } = await newInMemory();
  let raised = (): void => undefined;
  const raising = new Promise<void>((resolve) => {
    raised = resolve;
  });
  let applied = 0;
  kv.intercept = async (operations, run) => {
    if (isRaise(operations)) {
      const done = run();
      raised();
      return done;
    }
    if (isJournal(operations)) return run();
    applied += 1;
    if (applied === 1) return loseAnswer();
    if (applied === 2) await raising;
    return run();
  };
  await backend.commit(many(250));
  await backend.close();
  kv.intercept = undefined;
  t.is((await objectsIn(kv)).length, 250);
});

test('a journal that cannot be applied is acknowledged, but later writes are refused', async (t) => {
  const { kv, backend } = await newInMemory();
  kv.intercept = (operations) => {
    if (isJournal(operations)) return undefined;
    throw new AppError('forbidden', 'no permission');
  };
  await t.notThrowsAsync(backend.commit(many()));
  const message = await refusalOf('unavailable', backend.commit([putService('x')]));
  t.regex(message, /cannot be written: no permission;/u);
  await backend.close();
  t.is(kv.closed, 1);
});
