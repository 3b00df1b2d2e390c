import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import { aNetwork, aNode, aService, aTask, aVolume } from '../../../fixtures/cluster/build.js';
import type { LeaseId, NodeId, TaskId } from '../../../manager/common/model/ids.js';
import { Dispatcher } from '../../../manager/dispatcher/dispatcher.js';
import type { Hello } from '../../../manager/dispatcher/sessions/hello.js';
import type { DispatcherOptions } from '../../../manager/dispatcher/options.js';
import type { Transaction } from '../../../manager/store/store.js';
import { aStatus } from '../../helpers/fakes/fake-worker.js';
import { FakeConnection } from '../../helpers/fakes/fake-connection.js';
import { ManualClock } from '../../helpers/fakes/manual-clock.js';
import { recordingLogger } from '../../helpers/fakes/recording-logger.js';
import { aHello, aWorkerPeer } from '../../helpers/fakes/worker-session.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';

const [w1, w2] = ['w1' as NodeId, 'w2' as NodeId];
const t1 = 't1' as TaskId;
const never = new AbortController().signal;

async function settle(): Promise<void> {
  for (let turn = 0; turn < 12; turn += 1) await nextTurn();
}

/** A dispatcher over connections without sockets, on a clock that the test moves. */
async function cluster(
  fill: (tx: Transaction) => void = () => undefined,
  options: Partial<DispatcherOptions> = {},
) {
  const clock = new ManualClock();
  const store = await openTestStore(clock);
  await store.update('restore', fill);
  const { log, lines } = recordingLogger();
  const machine = { isAlive: true };
  const dispatcher = new Dispatcher({
    ...{ store, clock, log, newId: () => 's1', clusterId: 'c1' },
    managers: [{ nodeId: 'w2', address: '192.0.2.2:7000' }],
    probe: () => Promise.resolve(machine.isAlive),
    ...options,
  });
  await dispatcher.start();
  const open = (path: string, nodeId: string, connection: FakeConnection): Promise<void> =>
    dispatcher.accept({
      path,
      identity: aWorkerPeer(nodeId),
      remote: connection.remote,
      accept: () => Promise.resolve(connection),
    });
  const join = async (nodeId: string, hello: Partial<Hello> = {}): Promise<FakeConnection> => {
    const connection = new FakeConnection();
    void open('/v1/session', nodeId, connection);
    connection.receive(aHello(nodeId, hello));
    await settle();
    return connection;
  };
  /** Advances by steps, with a heartbeat of each given worker after each step. */
  const advance = async (
    ms: number,
    beating: readonly FakeConnection[] = [],
    beat: object = { kind: 'heartbeat' },
  ): Promise<void> => {
    for (let left = ms; left > 0; left -= 1_000) {
      clock.advance(Math.min(left, 1_000));
      for (const connection of beating) connection.receive(beat);
      await settle();
    }
  };
  const statusOf = (nodeId: NodeId) => store.view.get('nodes', nodeId)?.status;
  return { clock, store, dispatcher, machine, lines, open, join, advance, statusOf };
}

const kindsOf = ({ posted }: FakeConnection): readonly string[] => posted.map(({ kind }) => kind);
const withTask = (tx: Transaction): void => {
  tx.create('nodes', aNode('w1'));
  tx.create('services', aService('web'));
  tx.create('tasks', aTask(aService('web'), 1, { id: t1, node: 'w1', state: 'assigned' }));
};

test('a worker is welcomed with the managers, then gets its set, and its node is ready', async (t) => {
  const { join, statusOf, lines, store } = await cluster(withTask);
  const worker = await join('w1');
  t.deepEqual(worker.posted[0], {
    kind: 'welcome',
    version: 1,
    heartbeatMs: 1_000,
    managers: ['192.0.2.2:7000'],
    refusedAuthorities: [],
  } as object);
  t.like(worker.posted[1], { kind: 'assignments', set: { nodeId: 'w1', tasks: [{ id: 't1' }] } });
  t.is(worker.posted.length, 2);
  t.is(statusOf(w1)?.state, 'ready');
  t.true(lines.includes('info: node w1 is ready'));
  await join('w2');
  t.deepEqual(
    store.view.list('nodes').map(({ spec }) => spec.role),
    ['worker', 'manager'],
  );
});

test('the interval of heartbeats is a setting', async (t) => {
  const { join } = await cluster(undefined, { heartbeatMs: 250 });
  t.like((await join('w1')).posted[0], { heartbeatMs: 250 });
});

test('a worker whose engine is silent gets no assignments until it has started over', async (t) => {
  const { join, statusOf, lines } = await cluster(withTask);
  const worker = await join('w1', { engine: 'silent' });
  t.deepEqual(kindsOf(worker), ['welcome']);
  t.like(statusOf(w1), { state: 'unknown', engine: 'silent' });
  t.true(lines.includes('info: node w1 is connected, but its Docker engine does not answer'));
  worker.receive({ kind: 'heartbeat' });
  await settle();
  t.deepEqual(worker.closes, ['4411 the engine answers again']);
});

test('only workers may open a session', async (t) => {
  const { dispatcher } = await cluster();
  const accepted = dispatcher.accept({
    path: '/v1/session',
    identity: { clusterId: 'c1', role: 'client', nodeId: 'u1' },
    remote: '192.0.2.9',
    accept: () => Promise.resolve(new FakeConnection()),
  });
  await t.throwsAsync(accepted, { message: /is for workers, not for role client/u });
});

test('changes of the store reach the worker, and its reports the store', async (t) => {
  const { join, clock, store, statusOf } = await cluster(withTask);
  const worker = await join('w1');
  worker.receive({ kind: 'status', reports: [{ taskId: t1, status: aStatus('running') }] });
  await settle();
  clock.advance(10);
  await settle();
  t.is(store.view.get('tasks', t1)?.status.state, 'running');
  await store.update('orchestrator', (tx) => {
    const task = tx.get('tasks', t1);
    if (task !== undefined) tx.put('tasks', { ...task, desired: 'shutdown' });
  });
  clock.advance(10);
  await settle();
  t.like(worker.posted.at(-1), { kind: 'change', change: { upsert: { tasks: [{ id: 't1' }] } } });
  const description = { ...aNode('w1').description, memoryBytes: 5 };
  worker.receive({ kind: 'description', description });
  await settle();
  t.is(store.view.get('nodes', w1)?.description.memoryBytes, 5);
  t.is(statusOf(w1)?.state, 'ready');
});

test('the networks of a worker free unused gateways and record those that are stuck', async (t) => {
  const front = aNetwork('front');
  const gateway = 'address/n-front/10.0.0.2' as LeaseId;
  const { join, store } = await cluster((tx) => {
    withTask(tx);
    tx.create('networks', front);
    const holder = { kind: 'gateway', nodeId: w1, networkId: front.id } as const;
    tx.create('leases', { id: gateway, holder });
  });
  const worker = await join('w1', { networks: [front.id] });
  const stuck = [{ networkId: front.id, problem: 'busy' }];
  worker.receive({ kind: 'networks', networks: [front.id], stuck });
  await settle();
  t.deepEqual(store.view.get('networks', front.id)?.leftOn, [{ nodeId: w1, problem: 'busy' }]);
  t.is(store.view.count('leases'), 1);
  worker.receive({ kind: 'networks', networks: [] });
  await settle();
  t.is(store.view.get('networks', front.id)?.leftOn, undefined);
  t.is(store.view.count('leases'), 0);
});

test('calls and streams of a worker are settled by its messages', async (t) => {
  const { dispatcher, join, open } = await cluster(withTask);
  const worker = await join('w1');
  const call = dispatcher.workers.call(w1, 'pause', { taskId: t1 }, never);
  worker.receive({ kind: 'result', callId: 1, result: null });
  t.is(await call, null);
  const failing = dispatcher.workers.call(w1, 'pause', { taskId: t1 }, never);
  worker.receive({ kind: 'failure', callId: 2, error: { kind: 'conflict', message: 'no' } });
  await t.throwsAsync(failing, { message: 'no' });
  const opened = dispatcher.workers.open(w1, { kind: 'export', taskId: t1 }, never);
  const stream = new FakeConnection();
  await open('/v1/worker-stream/s1', 'w1', stream);
  t.is((await opened).stream, stream);
  await t.throwsAsync(open('/v1/worker-stream/s1', 'w1', stream), { message: /already claimed/u });
});

test('requests for images and certificates are answered', async (t) => {
  const { join } = await cluster(withTask);
  const worker = await join('w1');
  worker.receive({ kind: 'want-image', requestId: 7, image: 'busybox' });
  worker.receive({ kind: 'renew', requestId: 8, request: 'csr' });
  await settle();
  t.like(
    worker.posted.find(({ kind }) => kind === 'image'),
    {
      requestId: 7,
      error: { kind: 'not-found' },
    },
  );
  t.like(
    worker.posted.find(({ kind }) => kind === 'certificate'),
    {
      requestId: 8,
      error: { kind: 'unsupported' },
    },
  );
});

test('a second hello ends the session', async (t) => {
  const { join } = await cluster();
  const worker = await join('w1');
  worker.receive(aHello('w1'));
  await settle();
  t.deepEqual(worker.closes, ['4403 unexpected second hello']);
});

test('a new list of managers reaches workers and roles, an equal one is not sent', async (t) => {
  const { dispatcher, join, store } = await cluster();
  const worker = await join('w1');
  const managers = [{ nodeId: 'w1', address: '192.0.2.1:7000' }];
  dispatcher.setManagers(managers);
  dispatcher.setManagers([...managers]);
  await settle();
  t.deepEqual(
    worker.posted.filter(({ kind }) => kind === 'managers'),
    [{ kind: 'managers', managers: ['192.0.2.1:7000'] } as { kind: string }],
  );
  t.is(store.view.get('nodes', w1)?.spec.role, 'manager');
});

test('a worker that falls silent on a dead machine is closed, and its node is down', async (t) => {
  const { dispatcher, join, machine, advance, statusOf, lines } = await cluster();
  const worker = await join('w1');
  await advance(10_000, [worker]);
  t.is(statusOf(w1)?.state, 'ready', 'heartbeats keep a node ready');
  machine.isAlive = false;
  await advance(4_000);
  t.deepEqual(worker.closes, ['4408 missed its heartbeats']);
  t.like(statusOf(w1), { state: 'down', message: 'machine does not answer' });
  t.true(lines.includes('warn: node is down: machine does not answer'));
  const call = dispatcher.workers.call(w1, 'pause', { taskId: t1 }, never);
  await t.throwsAsync(call, { message: 'node w1 is not connected' });
});

test('a worker that hangs up on a dead machine is down at once', async (t) => {
  const { join, machine, statusOf } = await cluster();
  const worker = await join('w1');
  machine.isAlive = false;
  worker.hangUp();
  await settle();
  t.is(statusOf(w1)?.state, 'down');
});

test('a newer connection replaces the older one, whose end changes nothing', async (t) => {
  const { join, machine, store, clock, statusOf } = await cluster(withTask);
  const old = await join('w1');
  machine.isAlive = false;
  const current = await join('w1');
  t.deepEqual(old.closes, ['4409 replaced by a newer connection']);
  await settle();
  t.is(statusOf(w1)?.state, 'ready');
  await store.update('orchestrator', (tx) => {
    const task = tx.get('tasks', t1);
    if (task !== undefined) tx.put('tasks', { ...task, desired: 'shutdown' });
  });
  clock.advance(10);
  await settle();
  t.is(current.posted.at(-1)?.kind, 'change');
  t.false(kindsOf(old).includes('change'));
});

test('nodes are unknown after a start, and down if they have not returned in twice the deadline', async (t) => {
  const { machine, advance, statusOf, join } = await cluster((tx) => {
    for (const id of ['w1', 'w2']) tx.create('nodes', aNode(id));
  });
  t.like(statusOf(w1), { state: 'unknown', message: 'manager has started' });
  machine.isAlive = false;
  const worker = await join('w2');
  await advance(5_000, [worker]);
  t.is(statusOf(w1)?.state, 'unknown');
  await advance(1_000, [worker]);
  t.is(statusOf(w1)?.state, 'down');
  t.is(statusOf(w2)?.state, 'ready');
});

test('an engine that falls silent makes its node unknown, then fences the worker', async (t) => {
  const { join, store, advance, statusOf, lines } = await cluster(withTask);
  const worker = await join('w1');
  const silent = { kind: 'heartbeat', engine: 'silent' };
  await advance(1_000, [worker], silent);
  t.like(statusOf(w1), { state: 'unknown', engine: 'silent' });
  t.true(lines.includes('warn: node w1: Docker engine does not answer'));
  await advance(1_000, [worker]);
  t.is(statusOf(w1)?.state, 'ready');
  t.true(lines.includes('warn: node w1: Docker engine answers again'));
  await advance(62_000, [worker], silent);
  t.like(statusOf(w1), { state: 'down', engine: 'silent' });
  t.is(worker.posted.at(-1)?.kind, 'fence');
  await store.update('orchestrator', (tx) => {
    const task = tx.get('tasks', t1);
    if (task !== undefined) tx.put('tasks', { ...task, desired: 'shutdown' });
  });
  await advance(1_000, [worker], silent);
  t.is(worker.posted.at(-1)?.kind, 'fence', 'a fenced worker gets no more changes');
  t.deepEqual(worker.closes, []);
});

test('a removed node is closed and forgotten, and its tasks are orphaned', async (t) => {
  const { join, store, machine, advance } = await cluster(withTask);
  const worker = await join('w1');
  await store.update('control', (tx) => tx.remove('nodes', w1));
  await settle();
  t.deepEqual(worker.closes, ['4410 node was removed from the cluster']);
  t.is(store.view.get('tasks', t1)?.status.state, 'orphaned');
  machine.isAlive = false;
  await advance(10_000);
  t.is(store.view.count('nodes'), 0);
});

test('a new volume is bound to the connected worker that has its data', async (t) => {
  const { join, store } = await cluster();
  await join('w1', { volumes: ['other'] });
  await join('w2', { volumes: ['data'] });
  await store.update('restore', (tx) => {
    tx.create('volumes', aVolume('data'));
    tx.create('volumes', aVolume('new'));
  });
  await settle();
  t.deepEqual(store.view.volumeByName('data')?.nodeIds, [w2]);
  t.deepEqual(store.view.volumeByName('new')?.nodeIds, []);
});

test('a node that returns with unknown tasks frees its fences after 30 s', async (t) => {
  const { join, store, advance } = await cluster((tx) => {
    withTask(tx);
    const holder = { kind: 'fenced', nodeId: w1 } as const;
    tx.create('leases', { id: 'address/n-front/10.0.0.3' as LeaseId, holder });
  });
  const reports = [{ taskId: 'unknown' as TaskId, status: aStatus('running') }];
  const worker = await join('w1', { reports });
  await advance(29_000, [worker]);
  t.is(store.view.count('leases'), 1);
  await advance(6_000, [worker]);
  t.is(store.view.count('leases'), 0);
});

test('a volume that is marked is removed by its worker', async (t) => {
  const { join, store, advance } = await cluster((tx) => {
    tx.create('volumes', { ...aVolume('data', ['w1']), removing: true });
  });
  const worker = await join('w1');
  await advance(6_000, [worker]);
  t.like(
    worker.posted.find(({ kind }) => kind === 'call'),
    {
      call: { name: 'removeVolume', args: { name: 'data' } },
    },
  );
  worker.receive({ kind: 'result', callId: 1, result: null });
  await settle();
  t.is(store.view.count('volumes'), 0);
});

test('a stopped dispatcher closes its workers and leaves no timer', async (t) => {
  const { clock, dispatcher, join, store, lines } = await cluster(withTask);
  const worker = await join('w1');
  const silent = await join('w2', { engine: 'silent' });
  const reports = [{ taskId: t1, status: aStatus('running') }];
  worker.receive({ kind: 'status', reports });
  await settle();
  await dispatcher.stop();
  await settle();
  for (const { closes } of [worker, silent]) t.deepEqual(closes, ['1001 manager is stopping']);
  t.is(clock.pendingTimers, 0);
  t.is(store.view.get('tasks', t1)?.status.state, 'running', 'pending reports are written');
  t.deepEqual(
    lines.filter((line) => line.startsWith('warn')),
    [],
  );
  const { posted } = worker;
  const count = posted.length;
  await store.update('restore', (tx) => tx.remove('tasks', t1));
  clock.advance(1_000);
  t.is(posted.length, count);
});

test('a node that a manager tells to fetch an image may request it', async (t) => {
  const { dispatcher, join, open } = await cluster(withTask);
  const worker = await join('w1');
  const opened = dispatcher.workers.open(w1, { kind: 'fetch-image', image: 'other:1' }, never);
  await open('/v1/worker-stream/s1', 'w1', new FakeConnection());
  await opened;
  worker.receive({ kind: 'want-image', requestId: 7, image: 'other:1' });
  worker.receive({ kind: 'want-image', requestId: 8, image: 'third:1' });
  await settle();
  const answers = worker.posted.filter(({ kind }) => kind === 'image');
  t.like(answers[0], { requestId: 8, error: { kind: 'forbidden' } });
  t.like(answers[1], { requestId: 7, error: { kind: 'not-found' } });
});
