import test from 'ava';
import { aNode, aTask } from '../../../fixtures/cluster/build.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';
import { systemClock } from '../../../manager/common/base/clock.js';
import type { TaskId } from '../../../manager/common/model/ids.js';
import type { ProjectEvent } from '../../../manager/control/event-log.js';
import { EventLog } from '../../../manager/control/event-log.js';
import { MemoryBackend } from '../../helpers/stores/memory-backend.js';
import type { ClusterStore } from '../../../manager/store/store.js';
import { ManualClock } from '../../helpers/fakes/manual-clock.js';
import { until } from '../../helpers/until.js';
import { FailingBackend, open, volume, service } from '../../helpers/stores/journal-store.js';

function eventLog(store: ClusterStore, limits?: ConstructorParameters<typeof EventLog>[1]) {
  const log = new EventLog({ store, clock: systemClock, log: silentLogger }, limits);
  log.start();
  return log;
}

const lines = (told: readonly ProjectEvent[]): readonly string[] =>
  told.map(([{ number, type, action }]) => `${number} ${type} ${action}`);

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
