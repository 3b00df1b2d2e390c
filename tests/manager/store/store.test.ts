import test from 'ava';
import fc from 'fast-check';
import { aNetwork, aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import { isAppError, isConflict } from '../../../manager/common/base/errors.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';
import { systemClock } from '../../../manager/common/base/clock.js';
import type { NodeId, TaskId } from '../../../manager/common/model/ids.js';
import type { StoreBackend, DurableWrite } from '../../../manager/store/backend.js';
import { MemoryBackend } from '../../helpers/stores/memory-backend.js';
import { openStore } from '../../../manager/store/open-store.js';
import type { ClusterStore, Commit, StoreView, Transaction } from '../../../manager/store/store.js';
import { tableNames } from '../../../manager/store/table-definitions.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';
import { until } from '../../helpers/until.js';

/** Backend whose commits complete or fail only when the test calls `settle`. */
class HeldBackend implements StoreBackend {
  readonly name = 'held';
  readonly batches: (readonly DurableWrite[])[] = [];
  #settle: ((error?: Error) => void)[] = [];

  load(): ReturnType<StoreBackend['load']> {
    return Promise.resolve([]);
  }

  commit(writes: readonly DurableWrite[]): Promise<void> {
    this.batches.push(writes);
    return new Promise((resolve, reject) => {
      this.#settle.push((error) => {
        if (error === undefined) resolve();
        else reject(error);
      });
    });
  }

  settle(error?: Error): void {
    this.#settle.shift()?.(error);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

async function openHeld(): Promise<{ store: ClusterStore; backend: HeldBackend }> {
  const backend = new HeldBackend();
  const store = await openStore({ backend, clock: systemClock, log: silentLogger });
  return { store, backend };
}

function everything(view: StoreView): unknown {
  return tableNames.map((name) => view.list(name));
}

const service = aService('web', { replicas: 3 });

test('a write becomes visible only when it is durable', async (t) => {
  const { store, backend } = await openHeld();
  const done = store.update('control', (tx) => tx.create('services', service));
  await until('the backend has it', 5_000, () => backend.batches.length === 1);
  t.is(store.view.count('services'), 0);
  t.is(store.view.serviceByName('demo_web'), undefined);
  backend.settle();
  const created = await done;
  t.deepEqual(store.view.get('services', service.id), created);
  t.is(store.view.serviceByName('demo_web'), created);
});

test('a failed commit leaves no trace and later writes succeed', async (t) => {
  const { store, backend } = await openHeld();
  const seen: Commit[] = [];
  store.watch((commit) => seen.push(commit));
  const lost = store.update('control', (tx) => tx.create('services', service));
  await until('the backend has it', 5_000, () => backend.batches.length === 1);
  backend.settle(new Error('disk is full'));
  await t.throwsAsync(lost, { message: 'disk is full' });
  t.is(store.view.count('services'), 0);
  const next = store.update('control', (tx) => tx.create('services', service));
  await until('the backend has it', 5_000, () => backend.batches.length === 2);
  backend.settle();
  await next;
  t.is(seen.length, 1);
});

test('updates queued during a commit form one ordered batch', async (t) => {
  const { store, backend } = await openHeld();
  const first = store.update('control', (tx) => tx.create('services', service));
  await until('the backend has it', 5_000, () => backend.batches.length === 1);
  const seen: number[] = [];
  store.watch((commit) => seen.push(commit.index));
  const rest = [1, 2, 3].map((forceUpdate) =>
    store.update('control', (tx) => {
      const now = tx.get('services', service.id);
      if (now === undefined) throw new Error('not there');
      return tx.put('services', { ...now, forceUpdate });
    }),
  );
  backend.settle();
  await first;
  await until('the second batch', 5_000, () => backend.batches.length === 2);
  t.is(backend.batches[1]?.length, 1, 'one write with the last value');
  backend.settle();
  await Promise.all(rest);
  t.is(store.view.get('services', service.id)?.forceUpdate, 3);
  t.deepEqual(seen, [1, 2, 3, 4]);
});

test('observations are visible but not persisted, decisions are persisted', async (t) => {
  const backend = new MemoryBackend();
  const store = await openStore({ backend, clock: systemClock, log: silentLogger });
  await store.update('restore', (tx) => {
    tx.create('nodes', aNode('w1'));
    tx.create('tasks', aTask(service, 1, { id: 't1', node: 'w1', state: 'assigned' }));
  });
  const id = 't1' as TaskId;
  const stored = async (): Promise<string> =>
    JSON.stringify((await backend.load()).find(({ table }) => table === 'tasks'));
  const move = (state: 'running' | 'failed'): Promise<unknown> =>
    store.update('dispatcher', (tx) => {
      const task = tx.get('tasks', id);
      if (task !== undefined) tx.put('tasks', { ...task, status: { ...task.status, state } });
    });
  const before = await stored();
  await move('running');
  t.is(store.view.get('tasks', id)?.status.state, 'running');
  t.is(await stored(), before);
  await move('failed');
  t.regex(await stored(), /"failed"/);
});

test('the nodes that a network is left on are an observation', async (t) => {
  const backend = new MemoryBackend();
  const store = await openStore({ backend, clock: systemClock, log: silentLogger });
  const { id } = aNetwork('a');
  const change = (changes: Partial<ReturnType<typeof aNetwork>>): Promise<unknown> =>
    store.update('dispatcher', (tx) => {
      const network = tx.get('networks', id);
      if (network !== undefined) tx.put('networks', { ...network, ...changes });
    });
  await store.update('restore', (tx) => tx.create('networks', aNetwork('a')));
  const before = JSON.stringify(await backend.load());
  const leftOn = [{ nodeId: 'w1' as NodeId, problem: 'in use' }];
  await change({ leftOn });
  t.deepEqual(store.view.get('networks', id)?.leftOn, leftOn);
  t.is(JSON.stringify(await backend.load()), before);
  await change({ removing: true });
  t.regex(JSON.stringify(await backend.load()), /"removing":true/);
});

test('a put with a stale version throws conflict', async (t) => {
  const store = await openTestStore();
  const old = await store.update('control', (tx) => tx.create('services', service));
  await store.update('control', (tx) => tx.put('services', { ...old, forceUpdate: 1 }));
  const error = await t.throwsAsync(
    store.update('control', (tx) => tx.put('services', { ...old, forceUpdate: 2 })),
  );
  t.true(isConflict(error));
  t.is(store.view.get('services', service.id)?.forceUpdate, 1);
});

test('names are unique, also within a transaction, and reusable after removal', async (t) => {
  const store = await openTestStore();
  const twin = { ...aNetwork('a'), id: 'n-other' as ReturnType<typeof aNetwork>['id'] };
  const error = await t.throwsAsync(
    store.update('control', (tx) => {
      tx.create('networks', aNetwork('a'));
      tx.create('networks', twin);
    }),
  );
  t.is(error.message, 'network a already exists');
  t.is(store.view.count('networks'), 0);
  await store.update('control', (tx) => tx.create('networks', aNetwork('a')));
  await store.update('control', (tx) => {
    tx.remove('networks', aNetwork('a').id);
    tx.create('networks', twin);
  });
  t.is(store.view.networkByName('a')?.id, twin.id);
});

test('a task state changes only forward and only by the actor that owns the transition', async (t) => {
  const store = await openTestStore();
  const task = aTask(service, 1, { id: 't1', state: 'new' });
  await t.throwsAsync(
    store.update('scheduler', (tx) => tx.create('tasks', task)),
    { message: 'task t1: scheduler may not change its state from none to new' },
  );
  await store.update('orchestrator', (tx) => tx.create('tasks', task));
  const write = (
    actor: 'scheduler' | 'allocator' | 'orchestrator' | 'dispatcher',
    changes: (tx: Transaction) => Partial<typeof task>,
  ): Promise<unknown> =>
    store.update(actor, (tx) => {
      const now = tx.get('tasks', task.id);
      if (now !== undefined) tx.put('tasks', { ...now, ...changes(tx) });
    });
  const at = (state: typeof task.status.state): Partial<typeof task> => ({
    status: { ...task.status, state },
  });
  await t.throwsAsync(write('scheduler', () => ({ ...at('assigned'), nodeId: 'w1' as NodeId })));
  await write('allocator', () => at('pending'));
  await write('scheduler', () => ({ ...at('assigned'), nodeId: 'w1' as NodeId }));
  await t.throwsAsync(
    write('dispatcher', () => ({ nodeId: 'w2' as NodeId })),
    {
      message: /may not change its node from w1 to w2/,
    },
  );
  await write('dispatcher', () => at('running'));
  await t.throwsAsync(write('dispatcher', () => at('preparing')));
  await write('orchestrator', () => ({ desired: 'shutdown' }));
  await t.throwsAsync(
    write('orchestrator', () => ({ desired: 'running' })),
    {
      message: /desired state may not change back from shutdown to running/,
    },
  );
});

test('a reopened store assigns versions above all earlier ones', async (t) => {
  const backend = new MemoryBackend();
  const open = (): Promise<ClusterStore> =>
    openStore({ backend, clock: systemClock, log: silentLogger });
  const first = await open();
  await first.update('restore', (tx) => {
    tx.create('nodes', aNode('w1'));
  });
  for (const message of ['a', 'b', 'c']) {
    await first.update('dispatcher', (tx) => {
      const node = tx.list('nodes')[0];
      if (node !== undefined) tx.put('nodes', { ...node, status: { ...node.status, message } });
    });
  }
  const seen = first.view.list('nodes')[0]?.version ?? 0;
  const second = await open();
  const next = await second.update('control', (tx) => tx.create('services', service));
  t.true(next.version > seen);
});

test('a write after the end of a transaction throws', async (t) => {
  const store = await openTestStore();
  let kept: Transaction | undefined;
  await store.update('control', (tx) => {
    kept = tx;
  });
  t.throws(() => kept?.create('services', service), { message: /has ended/ });
});

type Write =
  | { readonly kind: 'put'; readonly slot: number; readonly node: number; readonly network: number }
  | { readonly kind: 'remove'; readonly slot: number }
  | { readonly kind: 'fail' };

const anyWrite: fc.Arbitrary<Write> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      slot: fc.nat(6),
      node: fc.nat(2),
      network: fc.nat(2),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), slot: fc.nat(6) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'fail' as const }) },
);

function perform(tx: Transaction, writes: readonly Write[]): void {
  for (const write of writes) {
    if (write.kind === 'fail') throw new Error('asked to fail');
    const id = `t${write.slot}` as TaskId;
    if (write.kind === 'remove') {
      tx.remove('tasks', id);
      continue;
    }
    const known = tx.get('tasks', id);
    const attachments = [`n${write.network}`].map((networkId) => ({
      networkId: networkId as ReturnType<typeof aNetwork>['id'],
      network: networkId,
      address: '10.0.0.1',
      mac: '',
      aliases: [],
    }));
    const task = { ...aTask(service, write.slot, { id, node: `w${write.node}` }), attachments };
    if (known === undefined) tx.create('tasks', task);
    else tx.put('tasks', { ...known, attachments });
  }
}

test('the change feed and the indexes match the tables, and failed transactions are rolled back', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(anyWrite, { maxLength: 5 }), { maxLength: 12 }),
      async (txs) => {
        const backend = new MemoryBackend();
        const store = await openStore({ backend, clock: systemClock, log: silentLogger });
        const mirror = new Map<string, unknown>();
        store.watch((commit) => {
          for (const { id, after } of commit.changes) {
            if (after === undefined) mirror.delete(id);
            else mirror.set(id, after);
          }
        });
        const half = Math.floor(txs.length / 2);
        const failing = (writes: readonly Write[]): boolean =>
          writes.some(({ kind }) => kind === 'fail');
        const run = (writes: readonly Write[]): Promise<unknown> =>
          store.update('restore', (tx) => {
            perform(tx, writes);
          });
        for (const writes of txs.slice(0, half)) {
          const before = everything(store.view);
          if (!failing(writes)) await run(writes);
          else {
            await run(writes).then(
              () => t.fail(),
              () => undefined,
            );
            t.deepEqual(everything(store.view), before);
          }
        }
        // The other half runs concurrently as one batch, in which some updates fail.
        await Promise.allSettled(txs.slice(half).map(run));
        const tasks = store.view.list('tasks');
        t.deepEqual([...mirror.values()].length, tasks.length);
        for (const task of tasks) t.is(mirror.get(task.id), task);
        for (const key of ['w0', 'w1', 'w2']) {
          t.deepEqual(
            store.view.tasksOfNode(key as NodeId),
            tasks.filter((task) => task.nodeId === key),
          );
        }
        for (const key of ['n0', 'n1', 'n2'].map((id) => id as ReturnType<typeof aNetwork>['id'])) {
          t.deepEqual(
            store.view.tasksOfNetwork(key),
            tasks.filter((task) => task.attachments.some((item) => item.networkId === key)),
          );
        }
        t.deepEqual(store.view.tasksOfService(service.id), tasks);
        const again = await openStore({ backend, clock: systemClock, log: silentLogger });
        t.deepEqual(again.view.list('tasks'), tasks);
      },
    ),
    { numRuns: 100 },
  );
});

test('a failing listener affects neither the store nor other listeners', async (t) => {
  const store = await openTestStore();
  let seen = 0;
  store.watch(() => {
    throw new Error('bad listener');
  });
  store.watch(() => {
    seen += 1;
  });
  await store.update('control', (tx) => tx.create('services', service));
  t.is(seen, 1);
});

test('a closed store rejects writes', async (t) => {
  const store = await openTestStore();
  await store.close();
  const error: unknown = await t.throwsAsync(
    store.update('control', (tx) => tx.create('services', service)),
  );
  t.true(isAppError(error) && error.kind === 'unavailable');
});

test('a malformed stored object is refused with its id, field and remedy', async (t) => {
  const backend = new MemoryBackend();
  const node = { ...aNode('n1'), spec: { ...aNode('n1').spec, availability: 'away' } };
  await backend.commit([{ table: 'nodes', id: 'n1', value: node }]);
  const refused = await t.throwsAsync(
    openStore({ backend, clock: systemClock, log: silentLogger }),
  );
  t.is(
    refused.message,
    'store: nodes/n1: spec.availability must be one of active, pause, drain; use the version of shoal that wrote it, or restore a backup',
  );
});
