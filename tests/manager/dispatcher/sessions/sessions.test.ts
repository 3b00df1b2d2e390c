import test from 'ava';
import { aNode } from '../../../../fixtures/cluster/build.js';
import { isAppError } from '../../../../manager/common/base/errors.js';
import type { NodeId, TaskId } from '../../../../manager/common/model/ids.js';
import { Sessions } from '../../../../manager/dispatcher/sessions/sessions.js';
import { FakeConnection } from '../../../helpers/fakes/fake-connection.js';
import { ManualClock } from '../../../helpers/fakes/manual-clock.js';
import { aSession } from '../../../helpers/fakes/worker-session.js';
import { openTestStore } from '../../../helpers/stores/memory-store.js';

const [w1, w2] = ['w1' as NodeId, 'w2' as NodeId];
const taskId = 't1' as TaskId;
const never = new AbortController().signal;

async function setUp() {
  const store = await openTestStore();
  await store.update('restore', (tx) => tx.create('nodes', aNode('w1', { name: 'node-1' })));
  return new Sessions(store.view, () => 's1', new ManualClock());
}

const failureOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no failure',
    (error: unknown) => (isAppError(error) ? `${error.kind}: ${error.message}` : String(error)),
  );

test('a node is connected from the start of its session to the end', async (t) => {
  const sessions = await setUp();
  const { session } = aSession('w1');
  t.false(sessions.isConnected(w1));
  sessions.add(session);
  t.true(sessions.isConnected(w1));
  t.is(sessions.get(w1), session);
  t.deepEqual([...sessions.all()], [session]);
  t.true(sessions.end(session));
  t.true(session.ended.aborted);
  t.false(sessions.isConnected(w1));
  t.false(sessions.end(session), 'a session ends once');
});

test('a new session of a node replaces the previous one, whose end changes nothing', async (t) => {
  const sessions = await setUp();
  const [old, current] = [aSession('w1'), aSession('w1')];
  sessions.add(old.session);
  sessions.closePrevious(w1);
  t.deepEqual(old.connection.closes, ['4409 replaced by a newer connection']);
  t.true(old.session.ended.aborted);
  sessions.add(current.session);
  t.false(sessions.end(old.session));
  t.is(sessions.get(w1), current.session);
});

test('a node without a session has no previous one', async (t) => {
  const sessions = await setUp();
  t.notThrows(() => sessions.closePrevious(w1));
});

test('messages to all reach every worker, and closing ends every session', async (t) => {
  const sessions = await setUp();
  const workers = [aSession('w1'), aSession('w2')];
  for (const { session } of workers) sessions.add(session);
  sessions.postAll({ kind: 'managers', managers: ['192.0.2.1:7000'] });
  for (const { posted } of workers)
    t.deepEqual(posted, [{ kind: 'managers', managers: ['192.0.2.1:7000'] }]);
  sessions.closeAll(1001, 'manager is stopping');
  for (const { connection, session } of workers) {
    t.deepEqual(connection.closes, ['1001 manager is stopping']);
    t.true(session.ended.aborted);
  }
});

test('calls and streams go through the session of their node', async (t) => {
  const sessions = await setUp();
  const worker = aSession('w1');
  sessions.add(worker.session);
  const call = sessions.call(w1, 'pause', { taskId }, never);
  worker.session.settleCall({ kind: 'result', callId: 1, result: null });
  t.is(await call, null);
  const opened = sessions.open(w1, { kind: 'export', taskId }, never);
  const connection = new FakeConnection();
  sessions.claimStream('s1', 'w1')(connection);
  t.is((await opened).stream, connection);
});

test('a node that is not connected, or whose engine is silent, fails at once by its name', async (t) => {
  const sessions = await setUp();
  const call = (node: NodeId) => failureOf(sessions.call(node, 'pause', { taskId }, never));
  t.is(await call(w1), 'unavailable: node node-1 is not connected');
  t.is(await call(w2), 'unavailable: node w2 is not connected');
  const worker = aSession('w1', { hello: { engine: 'silent' } });
  sessions.add(worker.session);
  t.regex(await call(w1), /^unavailable: node node-1: the Docker engine does not answer/u);
  const opened = failureOf(sessions.open(w1, { kind: 'export', taskId }, never));
  t.regex(await opened, /the Docker engine does not answer/u);
  t.deepEqual(worker.posted, []);
});
