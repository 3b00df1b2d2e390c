import test from 'ava';
import { isAppError } from '../../../../manager/common/base/errors.js';
import type { TaskId } from '../../../../manager/common/model/ids.js';
import { WorkerStreams } from '../../../../manager/dispatcher/sessions/worker-streams.js';
import { FakeConnection } from '../../../helpers/fakes/fake-connection.js';
import { ManualClock } from '../../../helpers/fakes/manual-clock.js';
import { aSession } from '../../../helpers/fakes/worker-session.js';

const request = { kind: 'export', taskId: 't1' as TaskId } as const;

function setUp() {
  const clock = new ManualClock();
  let last = 0;
  const streams = new WorkerStreams(() => `s${String((last += 1))}`, clock);
  const worker = aSession('w1');
  const abort = new AbortController();
  const open = (): Promise<string> =>
    streams.open(worker.session, request, abort.signal).then(
      ({ streamId }) => `opened ${streamId}`,
      (error: unknown) => (isAppError(error) ? `${error.kind}: ${error.message}` : String(error)),
    );
  return { clock, streams, worker, abort, open };
}

const unknown = (id: string) => ({ message: `stream ${id} is unknown or already claimed` });

test('the worker is asked to dial back, and its connection becomes the stream', async (t) => {
  const { streams, worker, abort } = setUp();
  const opened = streams.open(worker.session, request, abort.signal);
  t.deepEqual(worker.posted, [{ kind: 'open', streamId: 's1', request }]);
  const connection = new FakeConnection();
  streams.claim('s1', 'w1')(connection);
  t.deepEqual(await opened, { streamId: 's1', stream: connection });
});

test('a stream is claimed once, by its own node, under its own id', async (t) => {
  const { streams, open } = setUp();
  const opened = open();
  t.throws(() => streams.claim('s1', 'w2'), unknown('s1'));
  t.throws(() => streams.claim('s9', 'w1'), unknown('s9'));
  const resolve = streams.claim('s1', 'w1');
  t.throws(() => streams.claim('s1', 'w1'), unknown('s1'));
  resolve(new FakeConnection());
  t.is(await opened, 'opened s1');
});

test('a worker that does not dial back within ten seconds fails the stream', async (t) => {
  const { clock, streams, open } = setUp();
  const opened = open();
  clock.advance(9_999);
  t.notThrows(() => streams.claim('s1', 'w1'));
  clock.advance(1);
  t.is(await opened, 'timeout: node w1 opened no stream within 10 s');
});

test('a stream that timed out can no longer be claimed', async (t) => {
  const { clock, streams, open } = setUp();
  const opened = open();
  clock.advance(10_000);
  await opened;
  t.throws(() => streams.claim('s1', 'w1'), unknown('s1'));
});

test('a cancelled stream fails at once, also if it was cancelled before', async (t) => {
  const { streams, abort, open } = setUp();
  const first = open();
  abort.abort();
  const cancelled = 'cancelled: opening a stream to node w1 was cancelled';
  t.is(await first, cancelled);
  t.is(await open(), cancelled);
  t.throws(() => streams.claim('s1', 'w1'), unknown('s1'));
  t.throws(() => streams.claim('s2', 'w1'), unknown('s2'));
});

test('the end of the session fails the stream at once, also if it has ended before', async (t) => {
  const { streams, worker, open } = setUp();
  const first = open();
  worker.session.end();
  const gone = 'unavailable: node w1 has disconnected';
  t.is(await first, gone);
  t.is(await open(), gone);
  t.throws(() => streams.claim('s1', 'w1'), unknown('s1'));
});
