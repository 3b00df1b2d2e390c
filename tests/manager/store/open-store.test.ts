import type { ExecutionContext } from 'ava';
import test from 'ava';
import { aNetwork, aNode, aService } from '../../../fixtures/cluster/build.js';
import type { LogFields, Logger } from '../../../manager/common/base/log.js';
import type { NodeId } from '../../../manager/common/model/ids.js';
import type { DurableWrite, StoreBackend } from '../../../manager/store/backend.js';
import { openStore } from '../../../manager/store/open-store.js';
import type { ClusterStore, Commit, Transaction } from '../../../manager/store/store.js';
import { ManualClock } from '../../helpers/fakes/manual-clock.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';
import { MemoryBackend } from '../../helpers/stores/memory-backend.js';

const service = aService('web');

/** A backend in memory that records its batches; the next commit fails after `fail`. */
class RecordingBackend extends MemoryBackend {
  readonly batches: (readonly DurableWrite[])[] = [];
  closed = 0;
  #failure: Error | undefined;

  fail(message: string): void {
    this.#failure = new Error(message);
  }

  override commit(writes: readonly DurableWrite[]): Promise<void> {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) return Promise.reject(failure);
    this.batches.push(writes);
    return super.commit(writes);
  }

  override close(): Promise<void> {
    this.closed += 1;
    return super.close();
  }
}

interface Opened {
  readonly store: ClusterStore;
  readonly backend: RecordingBackend;
  readonly clock: ManualClock;
  /** Errors that were logged. */
  readonly errors: readonly string[];
  readonly commits: readonly Commit[];
}

async function open(backend = new RecordingBackend()): Promise<Opened> {
  const errors: string[] = [];
  const log: Logger = {
    ...silentLogger,
    error: (message: string, _fields?: LogFields) => errors.push(message),
  };
  const clock = new ManualClock();
  const store = await openStore({ backend, clock, log });
  const commits: Commit[] = [];
  store.watch((commit) => commits.push(commit));
  return { store, backend, clock, errors, commits };
}

function keysOf(writes: readonly DurableWrite[] | undefined): readonly string[] | undefined {
  return writes?.map(({ table, id }) => `${table}/${id}`);
}

function setStatus(tx: Transaction, message: string): void {
  const node = tx.get('nodes', 'w1' as NodeId);
  if (node !== undefined) tx.put('nodes', { ...node, status: { ...node.status, message } });
}

test('an empty store starts at index 0 and the first change is 1', async (t) => {
  const { store, clock } = await open();
  t.is(store.view.index, 0);
  clock.advance(5_000);
  const created = await store.update('control', (tx) => tx.create('services', service));
  t.deepEqual([created.version, created.createdAt, store.view.index], [1, 5_000, 1]);
});

test('a reopened store starts a million versions above the highest one', async (t) => {
  const backend = new RecordingBackend();
  for (const [id, version] of [
    ['a', 3],
    ['b', 7],
    ['c', 5],
  ] as const) {
    const value = { ...aNetwork(id), version };
    await backend.commit([{ table: 'networks', id: value.id, value }]);
  }
  const { store } = await open(backend);
  t.is(store.view.index, 1_000_007);
  t.deepEqual(
    store.view.list('networks').map(({ version }) => version),
    [3, 7, 5],
  );
});

test('an update that changes nothing has a result, but no commit', async (t) => {
  const { store, backend, commits } = await open();
  t.is(await store.update('control', () => 'result'), 'result');
  t.is(store.view.index, 0);
  t.deepEqual([backend.batches, commits], [[], []]);
});

test('a commit says who wrote it, and for whom if it was requested', async (t) => {
  const { store, commits } = await open();
  const origin = { who: 'ann', role: 'client', action: 'project.apply' } as const;
  await store.update('control', (tx) => tx.create('networks', aNetwork('a')), origin);
  await store.update('orchestrator', (tx) => tx.create('networks', aNetwork('b')));
  const authors = commits.map(({ changes: _changes, ...author }) => author);
  t.deepEqual(authors, [
    { index: 1, actor: 'control', origin },
    { index: 2, actor: 'orchestrator' },
  ]);
});

test('an update that throws is rejected alone; the others of its batch get gapless indexes', async (t) => {
  const { store, backend, commits } = await open();
  const add = (name: string): Promise<unknown> =>
    store.update('control', (tx) => tx.create('networks', aNetwork(name)));
  const failed = store.update('control', (tx) => {
    tx.create('networks', aNetwork('b'));
    throw new Error('changed my mind');
  });
  const results = await Promise.allSettled([add('a'), failed, add('c')]);
  t.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  t.is(backend.batches.length, 1);
  t.deepEqual(keysOf(backend.batches[0]), ['networks/n-a', 'networks/n-c']);
  t.deepEqual(
    commits.map(({ index }) => index),
    [1, 2],
  );
  t.is(store.view.networkByName('b'), undefined);
});

test('a batch that the backend refuses is rejected and logged, and leaves no trace', async (t) => {
  const { store, backend, commits, errors } = await open();
  await store.update('control', (tx) => tx.create('networks', aNetwork('a')));
  backend.fail('disk is full');
  const change = (vni: number): Promise<unknown> =>
    store.update('control', (tx) => {
      const network = tx.networkByName('a');
      if (network !== undefined) tx.put('networks', { ...network, vni });
    });
  const results = await Promise.allSettled([change(1), change(2)]);
  t.true(results.every(({ status }) => status === 'rejected'));
  t.deepEqual(errors, ['store: commit failed: disk is full']);
  t.is(store.view.networkByName('a')?.vni, 0);
  t.is(store.view.index, 1);
  await change(3);
  t.is(store.view.networkByName('a')?.vni, 3);
  t.is(commits.length, 2);
});

test('a batch of observations does not wait for the backend and is in no batch of it', async (t) => {
  const { store, backend, commits } = await open();
  await store.update('restore', (tx) => tx.create('nodes', aNode('w1')));
  backend.fail('never asked');
  await store.update('dispatcher', (tx) => {
    setStatus(tx, 'busy');
  });
  t.is(store.view.nodeByName('w1')?.status.message, 'busy');
  t.is(commits.at(-1)?.index, 2);
  t.is(backend.batches.length, 1);
});

test('observations in a batch with decisions become visible with them', async (t) => {
  const { store, backend } = await open();
  await store.update('restore', (tx) => tx.create('nodes', aNode('w1')));
  const observed = store.update('dispatcher', (tx) => {
    setStatus(tx, 'busy');
  });
  const decided = store.update('control', (tx) => tx.create('services', service));
  await Promise.all([observed, decided]);
  t.is(store.view.nodeByName('w1')?.status.message, 'busy');
  t.deepEqual(keysOf(backend.batches[1]), [`services/${service.id}`]);
});

test('a hook adds its writes to the batch that it saw', async (t) => {
  const { store, backend, commits } = await open();
  const seen: (readonly [indexes: readonly number[], isDurable: boolean])[] = [];
  const remove = store.addBatchHook((batch, isDurable) => {
    seen.push([batch.map(({ index }) => index), isDurable]);
    return (tx) => {
      tx.create('networks', aNetwork(`of-${String(batch[0]?.index)}`));
    };
  });
  store.addBatchHook(() => undefined);
  await Promise.all([
    store.update('restore', (tx) => tx.create('services', service)),
    store.update('restore', (tx) => tx.create('nodes', aNode('w1'))),
  ]);
  t.deepEqual(keysOf(backend.batches[0]), [
    ...[`services/${service.id}`, 'nodes/w1', 'networks/n-of-1'],
  ]);
  t.deepEqual(
    commits.map(({ index, actor }) => [index, actor]),
    [
      [1, 'restore'],
      [2, 'restore'],
      [3, 'control'],
    ],
  );
  await store.update('dispatcher', (tx) => {
    setStatus(tx, 'busy');
  });
  t.deepEqual(seen, [
    [[1, 2], true],
    [[4], false],
  ]);
  t.deepEqual(keysOf(backend.batches[1]), ['networks/n-of-4']);
  remove();
  await store.update('control', (tx) => tx.create('networks', aNetwork('b')));
  t.is(seen.length, 2);
});

test('each of several hooks has a commit of its own', async (t) => {
  const { store, commits } = await open();
  for (const name of ['x', 'y']) {
    store.addBatchHook(() => (tx) => {
      tx.create('networks', aNetwork(name));
    });
  }
  await store.update('control', (tx) => tx.create('services', service));
  t.deepEqual(
    commits.map(({ index, changes }) => [index, changes[0]?.id]),
    [
      [1, service.id],
      [2, 'n-x'],
      [3, 'n-y'],
    ],
  );
  t.is(store.view.index, 3);
});

test('a hook that fails, at once or in its transaction, adds nothing and is logged', async (t) => {
  const { store, errors, commits } = await open();
  store.addBatchHook(() => {
    throw new Error('at once');
  });
  store.addBatchHook(() => (tx) => {
    tx.create('networks', aNetwork('x'));
    throw new Error('in its transaction');
  });
  await store.update('control', (tx) => tx.create('services', service));
  t.deepEqual(errors, [
    'store: batch hook failed: at once',
    'store: batch hook failed: in its transaction',
  ]);
  t.is(commits.length, 1);
  t.is(store.view.count('networks'), 0);
});

test('no hook runs for a batch without changes', async (t) => {
  const { store } = await open();
  store.addBatchHook(() => {
    t.fail();
    return undefined;
  });
  await store.update('control', () => undefined);
  t.is(store.view.index, 0);
});

test('a listener hears only of commits after its registration and until it ends', async (t) => {
  const { store, errors } = await open();
  const add = (name: string): Promise<unknown> =>
    store.update('control', (tx) => tx.create('networks', aNetwork(name)));
  const heard: number[] = [];
  let end = (): void => undefined;
  store.watch(({ index }) => {
    // The listener's view has both commits of the batch by then.
    if (index === 1) end = store.watch((commit) => heard.push(commit.index));
  });
  await Promise.all([add('a'), add('b')]);
  t.deepEqual(heard, []);
  await add('c');
  end();
  await add('d');
  t.deepEqual(heard, [3]);
  store.watch(() => {
    throw new Error('bad listener');
  });
  await add('e');
  t.deepEqual(errors, ['store: watch listener failed: bad listener']);
});

test('a store that closes finishes what is queued, closes its backend and refuses the rest', async (t) => {
  const { store, backend } = await open();
  const queued = store.update('control', (tx) => tx.create('services', service));
  const closing = store.close();
  await refused(t, store, /^store is closed$/u);
  await closing;
  t.is((await queued).version, 1);
  t.deepEqual([backend.batches.length, backend.closed], [1, 1]);
});

async function refused(t: ExecutionContext, store: ClusterStore, message: RegExp): Promise<void> {
  await t.throwsAsync(
    store.update('control', () => undefined),
    { message },
  );
}

test('updates beyond the limit of the queue are refused until it is shorter', async (t) => {
  const backend: StoreBackend = new MemoryBackend();
  const store = await openStore({ backend, clock: new ManualClock(), log: silentLogger });
  const nothing = (): void => undefined;
  const queued = Array.from({ length: 100_000 }, () => store.update('control', nothing));
  await refused(t, store, /^store: 100000 updates are queued; retry later$/u);
  await Promise.all(queued);
  await t.notThrowsAsync(store.update('control', nothing));
});
