import test from 'ava';
import { isAppError } from '../../../../manager/common/base/errors.js';
import type { TaskId } from '../../../../manager/common/model/ids.js';
import { ManualClock } from '../../../helpers/fakes/manual-clock.js';
import { aSession } from '../../../helpers/fakes/worker-session.js';

const taskId = 't1' as TaskId;
const never = new AbortController().signal;

/** The kind and message of the error that a promise rejects with. */
async function failureOf(promise: Promise<unknown>): Promise<string> {
  try {
    return `no failure: ${JSON.stringify(await promise)}`;
  } catch (error) {
    return isAppError(error) ? `${error.kind}: ${error.message}` : String(error);
  }
}

test('a session knows what its worker said in the hello, and when it began', (t) => {
  const clock = new ManualClock();
  clock.advance(1_500);
  const { session } = aSession('w1', { clock, hello: { name: 'node-1', volumes: ['data'] } });
  t.like(session, { nodeId: 'w1', nodeName: 'node-1', volumes: ['data'], startedAt: 1_500 });
  t.is(session.engine, 'answering');
  t.is(aSession('w1', { hello: { engine: 'silent' } }).session.engine, 'silent');
});

test('a call is answered by the result with its id, in any order', async (t) => {
  const { session, posted } = aSession('w1');
  const first = session.call('removeImage', { image: 'a' }, never);
  const second = session.call('removeImage', { image: 'b' }, never);
  t.deepEqual(posted, [
    { kind: 'call', callId: 1, call: { name: 'removeImage', args: { image: 'a' } } },
    { kind: 'call', callId: 2, call: { name: 'removeImage', args: { image: 'b' } } },
  ]);
  session.settleCall({ kind: 'result', callId: 2, result: true });
  session.settleCall({ kind: 'result', callId: 1, result: false });
  t.deepEqual(await Promise.all([first, second]), [false, true]);
});

test("the worker's own error reaches the caller", async (t) => {
  const { session } = aSession('w1');
  const call = session.call('pause', { taskId }, never);
  const error = { kind: 'conflict', message: 'container is paused' } as const;
  session.settleCall({ kind: 'failure', callId: 1, error });
  t.is(await failureOf(call), 'conflict: container is paused');
});

test('a malformed answer fails the call and names the worker', async (t) => {
  const { session } = aSession('w1');
  const call = session.call('removeImage', { image: 'a' }, never);
  session.settleCall({ kind: 'result', callId: 1, result: 'yes' });
  t.regex(await failureOf(call), /^invalid: node w1: answer to removeImage: .*upgrade its worker/u);
});

test('a call without an answer fails after two minutes, and the worker is told', async (t) => {
  const clock = new ManualClock();
  const { session, posted } = aSession('w1', { clock });
  const call = failureOf(session.call('pause', { taskId }, never));
  clock.advance(119_999);
  t.is(posted.length, 1);
  clock.advance(1);
  t.is(await call, 'timeout: node w1 did not answer pause in time');
  t.deepEqual(posted[1], { kind: 'cancel', callId: 1 });
});

test('a settled call never times out, and a late answer is dropped', async (t) => {
  const clock = new ManualClock();
  const { session, posted } = aSession('w1', { clock });
  const call = session.call('pause', { taskId }, never);
  session.settleCall({ kind: 'result', callId: 1, result: null });
  clock.advance(600_000);
  session.settleCall({ kind: 'result', callId: 1, result: 'late' });
  const error = { kind: 'internal', message: 'late' } as const;
  session.settleCall({ kind: 'failure', callId: 7, error });
  t.is(await call, null);
  t.is(posted.length, 1);
});

test('a cancelled call fails at once, before or after it was sent', async (t) => {
  const { session, posted } = aSession('w1');
  const abort = new AbortController();
  const call = session.call('pause', { taskId }, abort.signal);
  abort.abort();
  t.is(await failureOf(call), 'cancelled: pause on node w1 was cancelled');
  t.deepEqual(posted[1], { kind: 'cancel', callId: 1 });
  const late = session.call('pause', { taskId }, abort.signal);
  t.is(await failureOf(late), 'cancelled: pause on node w1 was cancelled');
});

test('an abort after the answer sends nothing', async (t) => {
  const { session, posted } = aSession('w1');
  const abort = new AbortController();
  const calls = [1, 2].map(() => failureOf(session.call('pause', { taskId }, abort.signal)));
  session.settleCall({ kind: 'result', callId: 1, result: null });
  session.settleCall({ kind: 'failure', callId: 2, error: { kind: 'conflict', message: 'no' } });
  abort.abort();
  t.deepEqual(await Promise.all(calls), ['no failure: null', 'conflict: no']);
  t.is(posted.length, 2);
});

test('the end of a session fails its calls and every later one', async (t) => {
  const { session, posted } = aSession('w1');
  const calls = [1, 2].map(() => failureOf(session.call('pause', { taskId }, never)));
  session.end();
  t.true(session.ended.aborted);
  const gone = 'unavailable: node w1 has disconnected';
  t.deepEqual(await Promise.all(calls), [gone, gone]);
  t.is(await failureOf(session.call('pause', { taskId }, never)), gone);
  t.is(posted.length, 2);
});

test('calls in flight are limited to ten thousand, and a settled one makes room', async (t) => {
  const { session, posted } = aSession('w1');
  const call = (): Promise<string> =>
    failureOf(session.call('pause', { taskId }, new AbortController().signal));
  const calls = Array.from({ length: 10_000 }, call);
  t.is(await call(), 'unavailable: node w1: too many calls in flight; retry later');
  session.settleCall({ kind: 'result', callId: 1, result: null });
  calls.push(call());
  t.is(posted.length, 10_001);
  session.end();
  t.is(new Set(await Promise.all(calls)).size, 2);
});
