import test from 'ava';
import { aNode, aService, aTask, aVolume } from '../../../fixtures/cluster/build.js';
import { silentLogger } from '../../../manager/common/base/log.js';
import { systemClock } from '../../../manager/common/base/clock.js';
import type { TaskId } from '../../../manager/common/model/ids.js';
import { AuditLog } from '../../../manager/control/audit-log.js';
import type { ProjectEvent } from '../../../manager/control/event-log.js';
import { EventLog } from '../../../manager/control/event-log.js';
import type { StoreBackend, DurableWrite } from '../../../manager/store/backend.js';
import { MemoryBackend } from '../../../manager/store/memory-backend.js';
import { openStore } from '../../../manager/store/open-store.js';
import type { ClusterStore } from '../../../manager/store/store.js';
import { ManualClock } from '../../helpers/fakes/manual-clock.js';
import { until } from '../../helpers/until.js';

const service = aService('web', { replicas: 1 });
const who = { who: 'ada', role: 'client', action: 'volume.create' } as const;

/** Backend whose commits fail on demand. */
class FailingBackend implements StoreBackend {
  readonly name = 'failing';
  readonly disk = new MemoryBackend();
  fails = false;
  load(): ReturnType<StoreBackend['load']> {
    return this.disk.load();
  }
  commit(writes: readonly DurableWrite[]): Promise<void> {
    return this.fails ? Promise.reject(new Error('disk is full')) : this.disk.commit(writes);
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

function open(backend: StoreBackend, clock = systemClock): Promise<ClusterStore> {
  return openStore({ backend, clock, log: silentLogger });
}

function eventLog(store: ClusterStore, limits?: ConstructorParameters<typeof EventLog>[1]) {
  const log = new EventLog({ store, clock: systemClock, log: silentLogger }, limits);
  log.start();
  return log;
}

const lines = (told: readonly ProjectEvent[]): readonly string[] =>
  told.map(([{ number, type, action }]) => `${number} ${type} ${action}`);

const volume = (name: string) => ({ ...aVolume(name), id: `v-${name}` as never });

async function run(store: ClusterStore, startedAt: number, health: 'healthy' | 'unhealthy') {
  await store.update('dispatcher', (tx) => {
    const task = tx.get('tasks', 't1' as TaskId);
    if (task === undefined) throw new Error('gone');
    const status = {
      ...task.status,
      state: 'running',
      containerId: 'c1',
      startedAt,
      health,
    } as const;
    tx.put('tasks', { ...task, status });
  });
}

test('events survive a restart with consecutive numbers and without duplicates', async (t) => {
  const backend = new MemoryBackend();
  const first = await open(backend);
  await first.update('restore', (tx) => {
    tx.create('nodes', aNode('w1'));
    tx.create('services', service);
    tx.create('tasks', aTask(service, 1, { id: 't1', node: 'w1', state: 'assigned' }));
  });
  const before = eventLog(first);
  await run(first, 1_000, 'healthy');
  await until('what was only seen is stored', 5_000, () => before.read({ after: 0 }).length === 3);
  await first.update('control', (tx) => tx.create('volumes', volume('data')));
  before.stop();
  const told = lines(before.read({ after: 0 }));
  t.deepEqual(told, [
    '1 container create',
    '2 container start',
    '3 container health_status: healthy',
    '4 volume create',
  ]);
  // The next manager: workers report running tasks again, then a new event occurs.
  const second = await open(backend);
  const after = eventLog(second);
  const heard: ProjectEvent[] = [];
  after.listen((each) => heard.push(each));
  await run(second, 1_000, 'healthy');
  await run(second, 2_000, 'unhealthy');
  await until('the news', 5_000, () => heard.length === 2);
  t.deepEqual(lines(heard), ['5 container start', '6 container health_status: unhealthy']);
  t.deepEqual(lines(after.read({ after: 3 })), ['4 volume create', ...lines(heard)]);
  t.is(heard[0]?.[0].at, 2_000, 'it is of when the container was started');
});

test('an event is stored only together with its change', async (t) => {
  const backend = new FailingBackend();
  const store = await open(backend);
  const log = eventLog(store);
  const heard: ProjectEvent[] = [];
  log.listen((each) => heard.push(each));
  backend.fails = true;
  await t.throwsAsync(store.update('control', (tx) => tx.create('volumes', volume('a'))));
  t.deepEqual(heard, []);
  backend.fails = false;
  const done = store.update('control', (tx) => tx.create('volumes', volume('b')));
  t.deepEqual(heard, []);
  await done;
  t.deepEqual(lines(heard), ['1 volume create']);
  const tables = (await backend.load()).map(({ table }) => table).sort();
  t.deepEqual(tables, ['events', 'volumes']);
});

test('an event log stopped during a write does not touch the closed store', async (t) => {
  const backend = new FailingBackend();
  const clock = new ManualClock();
  const store = await open(backend);
  await store.update('restore', (tx) => {
    tx.create('nodes', aNode('w1'));
    tx.create('services', service);
    tx.create('tasks', aTask(service, 1, { id: 't1', node: 'w1', state: 'starting' }));
  });
  const warnings: string[] = [];
  const logger = { ...silentLogger, warn: (message: string) => warnings.push(message) };
  const log = new EventLog({ store, clock, log: logger });
  log.start();
  await run(store, 1, 'healthy');
  backend.fails = true;
  clock.advance(1_000);
  log.stop();
  await store.close();
  for (let turn = 0; turn < 5; turn += 1) {
    clock.advance(1_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.deepEqual(warnings, []);
});

test('observed and decided changes share a batch and publish each event once', async (t) => {
  const clock = new ManualClock();
  const backend = new MemoryBackend();
  const store = await open(backend);
  await store.update('restore', (tx) => {
    tx.create('nodes', aNode('w1'));
    tx.create('services', service);
    tx.create('tasks', aTask(service, 1, { id: 't1', node: 'w1', state: 'assigned' }));
  });
  const log = new EventLog({ store, clock, log: silentLogger });
  log.start();
  await run(store, 1_000, 'healthy');
  t.deepEqual(log.read({ after: 0 }), []);
  // The flush and another write in one batch.
  clock.advance(1_000);
  await store.update('control', (tx) => tx.create('volumes', volume('a')));
  t.deepEqual(lines(log.read({ after: 0 })), [
    '1 container create',
    '2 container start',
    '3 container health_status: healthy',
    '4 volume create',
  ]);
});

test('the event ring is bounded by count and bytes and drops the oldest events', async (t) => {
  for (const limits of [
    { events: 5, bytes: 1e9 },
    { events: 1e9, bytes: 1_500 },
  ]) {
    const backend = new MemoryBackend();
    const store = await open(backend);
    const log = eventLog(store, limits);
    for (let n = 0; n < 30; n += 1) {
      await store.update('control', (tx) => tx.create('volumes', volume(`v${n}`)));
    }
    const kept = log.read({ after: 0 });
    t.true(kept.length >= 3 && kept.length <= 10);
    t.is(kept.at(-1)?.[0].number, 30);
    t.is(store.view.count('events'), kept.length);
    const again = eventLog(await open(backend), limits);
    t.deepEqual(again.read({ after: 0 }), kept);
  }
});

test('the audit log records each requested change in the same batch and is bounded', async (t) => {
  const backend = new FailingBackend();
  const store = await open(backend);
  const audit = new AuditLog(store, { records: 3, bytes: 1e9 });
  audit.start();
  backend.fails = true;
  await t.throwsAsync(store.update('control', (tx) => tx.create('volumes', volume('a')), who));
  backend.fails = false;
  t.deepEqual(audit.read({}), []);
  await store.update('control', (tx) => tx.create('services', service), who);
  await store.update(
    'control',
    (tx) => {
      const now = tx.get('services', service.id);
      if (now === undefined) return;
      const mode = { kind: 'replicated', replicas: 4 } as const;
      tx.put('services', { ...now, spec: { ...now.spec, mode } });
    },
    { ...who, who: 'bob', action: 'service.scale' },
  );
  // A change without an origin is not audited.
  await store.update('orchestrator', (tx) => tx.create('volumes', volume('own')));
  const [made, scaled] = audit.read({});
  t.like(made, { number: 1, who: 'ada', changes: ['created service demo_web'] });
  t.like(scaled, {
    number: 2,
    who: 'bob',
    action: 'service.scale',
    changes: ['service demo_web: replicas 1 → 4'],
  });
  await audit.append({ ...who, action: 'exec' }, 'project demo, service web');
  await store.update('control', (tx) => tx.create('volumes', volume('b')), who);
  t.deepEqual(
    audit.read({}).map(({ number }) => number),
    [2, 3, 4],
  );
  const later = new AuditLog(await open(backend), { records: 3, bytes: 1e9 });
  later.start();
  t.deepEqual(later.read({}), audit.read({}));
  t.deepEqual(
    later.read({ limit: 1 }).map(({ changes }) => changes),
    [['created volume b']],
  );
});

test('the audit log names changed fields of a secret but not its content', async (t) => {
  const store = await open(new MemoryBackend());
  const audit = new AuditLog(store);
  audit.start();
  const secret = {
    id: 's1' as never,
    spec: { name: 'password', project: 'demo', labels: {}, external: false },
    data: 'aHVudGVyMg==',
  };
  await store.update('control', (tx) => tx.create('secrets', secret as never), who);
  await store.update(
    'control',
    (tx) => {
      const now = tx.get('secrets', 's1' as never);
      if (now !== undefined) tx.put('secrets', { ...now, data: 'c2VjcmV0' });
    },
    who,
  );
  t.deepEqual(
    audit.read({}).map(({ changes }) => changes),
    [['created secret password'], ['secret password: data']],
  );
  t.false(JSON.stringify(store.view.list('audit')).includes('c2Vj'));
});
