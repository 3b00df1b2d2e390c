import test, { type ExecutionContext } from 'ava';
import { aNode, aService, aTask } from '../../../../fixtures/cluster/build.js';
import type { Node } from '../../../../manager/common/model/node.js';
import { EngineSilence } from '../../../../manager/dispatcher/nodes/engine-silence.js';
import { defaultLivenessTiming } from '../../../../manager/dispatcher/nodes/node-liveness.js';
import type { WorkerSession } from '../../../../manager/dispatcher/sessions/session.js';
import { ManualClock } from '../../../helpers/fakes/manual-clock.js';
import { createManagerPki, TestManager } from '../../../helpers/managers/test-manager.js';
import type { TestPki } from '../../../helpers/pki/pki.js';
import { MemoryBackend } from '../../../helpers/stores/memory-backend.js';
import { until } from '../../../helpers/until.js';

let pki: TestPki;

test.before(async () => {
  pki = await createManagerPki();
});

function silence() {
  const clock = new ManualClock();
  const events: string[] = [];
  const session = {
    nodeId: 'w1',
    engine: 'answering',
    connection: {
      close: (code: number, reason: string) => events.push(`close ${String(code)} ${reason}`),
    },
  } as unknown as WorkerSession;
  const engines = new EngineSilence({
    clock,
    graceMs: defaultLivenessTiming.engineGraceMs,
    onChange: ({ engine }) => events.push(engine),
    onExpired: (_session, message) => events.push(message),
  });
  return { clock, events, session, engines };
}

test('an engine that answers within the grace keeps its tasks', (t) => {
  const { clock, events, session, engines } = silence();
  t.true(engines.begin(session));
  engines.report(session, 'silent');
  clock.advance(59_000);
  engines.report(session, 'silent');
  engines.report(session, 'answering');
  clock.advance(600_000);
  t.deepEqual(events, ['silent', 'answering']);
});

test('after the grace the tasks are replaced once, and the worker starts over when it answers', (t) => {
  const { clock, events, session, engines } = silence();
  engines.begin(session);
  engines.report(session, 'silent');
  clock.advance(600_000);
  engines.report(session, 'answering');
  t.deepEqual(events, [
    'silent',
    'worker answers, but its Docker engine has not for 60 s',
    'close 4411 the engine answers again',
  ]);
});

test('a session that begins with a silent engine gets no assignments before it answers', (t) => {
  const { clock, events, session, engines } = silence();
  session.engine = 'silent';
  t.false(engines.begin(session));
  clock.advance(10_000);
  engines.report(session, 'answering');
  t.deepEqual(events, ['close 4411 the engine answers again']);
});

test('the end of a session ends its grace', (t) => {
  const { clock, events, session, engines } = silence();
  engines.begin(session);
  engines.report(session, 'silent');
  engines.end(session.nodeId);
  clock.advance(600_000);
  t.deepEqual(events, ['silent']);
});

/** Replaces the node's session by a new one whose engine is in this state. */
function reconnect(
  { session, engines }: ReturnType<typeof silence>,
  engine: WorkerSession['engine'],
): void {
  engines.end(session.nodeId);
  engines.begin(Object.assign(Object.create(session) as WorkerSession, { engine }));
}

test('the grace continues when the worker reconnects with a silent engine', (t) => {
  const all = silence();
  all.engines.begin(all.session);
  all.engines.report(all.session, 'silent');
  for (let session = 1; session <= 5; session += 1) {
    all.clock.advance(11_000);
    reconnect(all, 'silent');
  }
  t.deepEqual(all.events, ['silent']);
  all.clock.advance(5_000);
  t.deepEqual(all.events, ['silent', 'worker answers, but its Docker engine has not for 60 s']);
  reconnect(all, 'silent');
  all.clock.advance(0);
  t.is(all.events.length, 3, 'a node that returns after the grace is fenced at once');
});

test('the grace starts again once the engine has answered or the node was removed', (t) => {
  const all = silence();
  all.session.engine = 'silent';
  all.engines.begin(all.session);
  all.clock.advance(59_000);
  reconnect(all, 'answering');
  reconnect(all, 'silent');
  all.clock.advance(59_000);
  all.engines.forget(all.session.nodeId);
  reconnect(all, 'silent');
  all.clock.advance(59_000);
  t.deepEqual(all.events, []);
  all.clock.advance(1_000);
  t.is(all.events.length, 1);
});

async function statusOf(manager: TestManager, id: string): Promise<Node['status'] | undefined> {
  return (await manager.call('node.list', {})).find((node) => node.id === id)?.status;
}

async function waitForState(
  t: ExecutionContext,
  manager: TestManager,
  state: Node['status']['state'],
): Promise<string> {
  await until(
    `w1 is ${state}`,
    20_000,
    async () => (await statusOf(manager, 'w1'))?.state === state,
  );
  const status = await statusOf(manager, 'w1');
  t.is(status?.state, state);
  return status?.message ?? '';
}

/** A manager with one task of service web on node w1. */
async function managerWithTask(t: ExecutionContext, engineGraceMs: number): Promise<TestManager> {
  const service = aService('web', { replicas: 1 });
  const task = { ...aTask(service, 1, { id: 'task1', node: 'w1' }), serviceId: service.id };
  const backend = new MemoryBackend();
  await backend.commit([
    { table: 'nodes', id: 'w1', value: aNode('w1') },
    { table: 'services', id: service.id, value: service },
    { table: 'tasks', id: task.id, value: task },
  ]);
  return TestManager.start(t, { pki, backend, timing: { engineGraceMs } });
}

test('a node is unknown while its engine is silent, and calls to it fail at once', async (t) => {
  const manager = await managerWithTask(t, 60_000);
  const worker = await manager.join('w1');
  const inspect = () => manager.call('task.inspect', { project: 'demo', service: 'web', index: 1 });
  await until('its container', 20_000, () =>
    inspect().then(
      () => true,
      () => false,
    ),
  );
  worker.engine = 'silent';
  t.is(await waitForState(t, manager, 'unknown'), 'Docker engine does not answer');
  await t.throwsAsync(inspect, {
    message: 'node w1: the Docker engine does not answer; check "systemctl status docker" on it',
  });
  worker.engine = 'answering';
  t.is(await waitForState(t, manager, 'ready'), '');
  await t.notThrowsAsync(inspect);
});

test('tasks of a silent engine are replaced after the grace; the worker is fenced', async (t) => {
  const manager = await managerWithTask(t, 300);
  const worker = await manager.join('w1');
  await until('its task', 20_000, () => worker.held.tasks.has('task1'));
  worker.engine = 'silent';
  t.regex(await waitForState(t, manager, 'down'), /its Docker engine has not/u);
  await until('the fence', 20_000, () => worker.isFenced);
  await until('the replacement', 20_000, async () =>
    (await manager.call('task.list', {})).some(({ id }) => id !== 'task1'),
  );
  worker.engine = 'answering';
  t.is((await worker.ended).code, 4411);
  t.is(worker.held.tasks.get('task1')?.desired, 'running', 'no change follows the fence');
  const back = await manager.join('w1');
  await until('its set', 20_000, () => back.held.sequence > 0);
  t.not(back.held.tasks.get('task1')?.desired, 'running');
  await waitForState(t, manager, 'ready');
});

test('a node that is down stays down while it joins with a silent engine', async (t) => {
  const manager = await managerWithTask(t, 300);
  const first = await manager.join('w1');
  await waitForState(t, manager, 'ready');
  first.engine = 'silent';
  await waitForState(t, manager, 'down');
  const second = await manager.join('w1', { hello: { engine: 'silent' } });
  second.engine = 'silent';
  await until('the welcome', 20_000, () => second.managers.length > 0);
  t.is((await statusOf(manager, 'w1'))?.state, 'down');
  t.is(second.held.tasks.size, 0);
});
