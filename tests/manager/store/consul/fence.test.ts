import test from 'ava';
import { AppError, isConflict } from '../../../../manager/common/base/errors.js';
import { isUnknownOutcome, UnknownOutcomeError } from '../../../../manager/store/consul/errors.js';
import type { LockIndex } from '../../../../manager/store/consul/fence.js';
import { Fence, readMeta } from '../../../../manager/store/consul/fence.js';
import { MemoryKv } from '../../../helpers/fakes/memory-kv.js';

const cluster = { id: 'c1', name: 'test' };
const meta = { format: 1, clusterId: 'c1', clusterName: 'test', epoch: 3 };

function read(text: string): unknown {
  return readMeta('shoal/meta', Buffer.from(text), cluster);
}

test('a meta record without an owner is read', (t) => {
  t.deepEqual(read(JSON.stringify(meta)), { ...meta, owner: '' });
});

for (const [title, text] of [
  ['no JSON', '{'],
  ['null', 'null'],
  ['a list', '[]'],
  ['an epoch that is text', JSON.stringify({ ...meta, epoch: '3' })],
  ['an owner that is a number', JSON.stringify({ ...meta, owner: 3 })],
] as const) {
  test(`a meta record with ${title} is rejected`, (t) => {
    const message = 'consul key shoal/meta: was not written by shoal; choose another prefix';
    t.is(t.throws(() => read(text)).message, message);
  });
}

test('a meta record of a newer format or another cluster is rejected', (t) => {
  t.regex(t.throws(() => read(JSON.stringify({ ...meta, format: 2 }))).message, /is newer than/u);
  t.regex(
    t.throws(() => read(JSON.stringify({ ...meta, clusterId: 'c2' }))).message,
    /belongs to cluster test \(c2\), not to test \(c1\)/u,
  );
});

interface Acquired {
  readonly kv: MemoryKv;
  readonly acquire: (options?: {
    readonly lock?: LockIndex;
    readonly owner?: string;
  }) => Promise<Fence>;
}

const key = 'shoal/test/meta';

function fences(foreignKey?: string): Acquired {
  const kv = new MemoryKv();
  const acquire: Acquired['acquire'] = ({ lock, owner = 'm1' } = {}) =>
    Fence.acquire(kv, key, {
      ...{ cluster, owner, lock },
      foreignKey: () => Promise.resolve(foreignKey),
    });
  return { kv, acquire };
}

function metaIn(kv: MemoryKv): unknown {
  return JSON.parse(kv.entries.get(key)?.value.toString() ?? 'null');
}

const lostAnswer = (): never => {
  throw new UnknownOutcomeError('no answer', undefined);
};

test('each process that opens a store raises its epoch and takes it over', async (t) => {
  const { kv, acquire } = fences();
  const first = await acquire();
  t.deepEqual(metaIn(kv), { ...meta, epoch: 1, owner: 'm1' });
  t.true(await first.isHeld());
  const second = await acquire({ owner: 'm2' });
  t.deepEqual(metaIn(kv), { ...meta, epoch: 2, owner: 'm2' });
  t.deepEqual([await first.isHeld(), await second.isHeld()], [false, true]);
  t.deepEqual([first.epoch, second.epoch], [1, 2]);
  const error = await t.throwsAsync(first.raise());
  t.true(isConflict(error));
  t.is(error.message, 'consul store: another manager has taken over');
});

test('foreign keys are looked for only if the store is new', async (t) => {
  const { kv, acquire } = fences('shoal/test/app');
  const error = await t.throwsAsync(acquire());
  t.true(isConflict(error));
  t.is(
    error.message,
    'consul has key shoal/test/app, but no shoal/test/meta: another application uses the prefix; choose another prefix or remove its keys',
  );
  kv.set(key, JSON.stringify(meta));
  t.is((await acquire()).epoch, 4);
});

test('every transaction checks the lock and then the record', async (t) => {
  const { kv, acquire } = fences();
  const fence = await acquire();
  const index = kv.entries.get(key)?.index ?? 0;
  t.deepEqual(fence.checks(), [{ verb: 'check-index', key, index }]);
  kv.set('lock', '');
  const lock = { key: 'lock', index: kv.entries.get('lock')?.index ?? 0 };
  const locked = await acquire({ lock });
  t.deepEqual(locked.checks(), [
    { verb: 'check-index', ...lock },
    { verb: 'check-index', key, index: kv.entries.get(key)?.index ?? 0 },
  ]);
  kv.set('lock', 'of another manager');
  t.true(isConflict(await t.throwsAsync(locked.raise())));
  t.true(isConflict(await t.throwsAsync(acquire({ lock }))));
});

test('callers that raise the fence at the same time share one request', async (t) => {
  const { kv, acquire } = fences();
  const fence = await acquire();
  const sent = kv.transactions.length;
  await Promise.all([fence.raise(), fence.raise(), fence.raise()]);
  t.is(kv.transactions.length, sent + 1);
  t.is(fence.epoch, 2);
  await fence.raise();
  t.is(fence.epoch, 3);
  t.true(await fence.isHeld());
});

test('a raise whose answer was lost has succeeded if the record is there', async (t) => {
  const { kv, acquire } = fences();
  const fence = await acquire();
  kv.intercept = (_, run) => {
    run();
    return lostAnswer();
  };
  const sent = kv.transactions.length;
  await fence.raise();
  t.is(kv.transactions.length, sent + 1);
  t.is(fence.epoch, 2);
  t.true(await fence.isHeld());
});

test('a raise that was lost is sent again, up to five times', async (t) => {
  const { kv, acquire } = fences();
  const fence = await acquire();
  let [attempts, lost] = [0, 4];
  kv.intercept = () => {
    attempts += 1;
    return attempts <= lost ? lostAnswer() : undefined;
  };
  await fence.raise();
  t.deepEqual([attempts, fence.epoch], [5, 2]);
  [attempts, lost] = [0, 5];
  const error: unknown = await t.throwsAsync(fence.raise());
  t.true(isUnknownOutcome(error));
  t.deepEqual([attempts, fence.epoch], [5, 2]);
});

test('a late first attempt makes the second one fail, and the fence is raised all the same', async (t) => {
  const { kv, acquire } = fences();
  const fence = await acquire();
  let late: (() => unknown) | undefined;
  kv.intercept = (_, run) => {
    if (late === undefined) {
      late = run;
      return lostAnswer();
    }
    late();
    return undefined;
  };
  await fence.raise();
  t.is(fence.epoch, 2);
  t.true(await fence.isHeld());
});

test('a raise after which another manager has the store is a takeover', async (t) => {
  const { kv, acquire } = fences();
  const fence = await acquire();
  let attempts = 0;
  kv.intercept = () => {
    attempts += 1;
    if (attempts > 1) return undefined;
    kv.set(key, JSON.stringify({ ...meta, owner: 'm2' }));
    return lostAnswer();
  };
  const error = await t.throwsAsync(fence.raise());
  t.true(isConflict(error));
  t.deepEqual([attempts, fence.epoch], [2, 1]);
});

test('an error other than a conflict is passed on at once', async (t) => {
  const { kv, acquire } = fences();
  const fence = await acquire();
  const refused = new AppError('forbidden', 'no permission');
  let attempts = 0;
  kv.intercept = () => {
    attempts += 1;
    throw refused;
  };
  t.is(await t.throwsAsync(fence.raise()), refused);
  t.is(attempts, 1);
});

test('a raise without a new index is an internal error', async (t) => {
  const { kv, acquire } = fences();
  const fence = await acquire();
  kv.intercept = () => new Map();
  await t.throwsAsync(fence.raise(), { message: 'consul: transaction result has no index' });
});
