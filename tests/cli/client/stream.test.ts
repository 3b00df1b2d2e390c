import test from 'ava';
import type { ControlClient } from '../../../cli/client/client.js';
import { parseMessage, streamEvents, streamWatch } from '../../../cli/client/stream.js';
import { AppError } from '../../../manager/common/base/errors.js';
import type { MessageStream } from '../../../manager/common/protocol/worker-calls.js';

/** A stream of events `from` to `to` that then loses its connection. */
function breaking(from: number, to: number): MessageStream {
  return {
    async *[Symbol.asyncIterator]() {
      for (let number = from; number <= to; number += 1) {
        await Promise.resolve();
        const named = { id: 't1', name: 'p-web-1', attributes: {} };
        yield JSON.stringify({ number, at: 1, type: 'container', action: 'start', ...named });
      }
      throw new AppError('unavailable', 'connection was lost');
    },
    send: () => Promise.resolve(),
    close: () => undefined,
  };
}

function clientOf(open: (args: object) => Promise<MessageStream>): ControlClient {
  return {
    cluster: 'test',
    call: () => Promise.reject(new Error('not expected')),
    open: (_name: string, args: object) => open(args),
    close: () => undefined,
  };
}

test('the event stream resumes after the last event received when another manager takes over', async (t) => {
  const asked: object[] = [];
  const client = clientOf((args) => {
    asked.push(args);
    if (asked.length === 2)
      return Promise.reject(new AppError('unavailable', 'no leader is elected'));
    return Promise.resolve(asked.length === 1 ? breaking(5, 6) : breaking(7, 9));
  });
  const stop = new AbortController();
  const numbers: number[] = [];
  for await (const { number } of streamEvents(client, { project: 'p', sinceMs: 1 }, stop.signal)) {
    numbers.push(number);
    if (number === 9) stop.abort();
  }
  t.deepEqual(numbers, [5, 6, 7, 8, 9]);
  const resumed = { project: 'p', sinceMs: 1, after: 6 };
  t.deepEqual(asked, [{ project: 'p', sinceMs: 1 }, resumed, resumed]);
});

test('the event stream fails at once if the first connection fails or is refused', async (t) => {
  const unreachable = new AppError('unavailable', 'not reachable', { cause: new Error('refused') });
  for (const error of [unreachable, new AppError('forbidden', 'you may not')]) {
    const read = streamEvents(
      clientOf(() => Promise.reject(error)),
      {},
      new AbortController().signal,
    );
    t.is(await t.throwsAsync(read.next()), error);
  }
});

test('a malformed message ends the stream with an error that names the field', async (t) => {
  const stream: MessageStream = {
    async *[Symbol.asyncIterator]() {
      await Promise.resolve();
      yield '{"kind":"put","table":"tasks","object":{"id":7}}';
    },
    send: () => Promise.resolve(),
    close: () => undefined,
  };
  const client = clientOf(() => Promise.resolve(stream));
  const read = streamWatch(client, {}, new AbortController().signal);
  const error = await t.throwsAsync(read.next(), { instanceOf: AppError });
  t.is(error.kind, 'internal');
  t.regex(error.message, /^manager: message: object\.version must be a non-negative integer; /u);
});

test('text that is not JSON is an error of the manager', (t) => {
  const error = t.throws(() => parseMessage('<html>'), { instanceOf: AppError });
  t.is(error.kind, 'internal');
  t.regex(error.message, /^manager: message: invalid JSON; check/u);
});

test('an error of a kind that only newer managers know is internal', (t) => {
  const error = t.throws(() => parseMessage('{"error":{"kind":"busy","message":"later"}}'), {
    instanceOf: AppError,
  });
  t.is(error.kind, 'internal');
});

test('an error message on a stream is thrown', (t) => {
  const error = t.throws(() =>
    parseMessage('{"error":{"kind":"not-found","message":"no such task"}}'),
  );
  t.is(error.message, 'no such task');
  t.deepEqual(parseMessage('{"kind":"put"}'), { kind: 'put' });
});
