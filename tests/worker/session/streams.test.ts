import test from 'ava';
import { AppError } from '../../../manager/common/base/errors.js';
import type { MessageStream } from '../../../manager/common/protocol/worker-calls.js';
import { answeringEngine } from '../../helpers/fakes/engine-health.js';
import { serveStream } from '../../../worker/session/streams.js';
import type { StreamDependencies } from '../../../worker/session/served-stream.js';

/** Serves the log of a task whose container cannot be read; returns the messages sent. */
async function logsThatFail(error: AppError): Promise<readonly string[]> {
  const sent: string[] = [];
  let close = (): void => undefined;
  const closed = new Promise<void>((resolve) => {
    close = resolve;
  });
  const stream: MessageStream = {
    send: (message) => {
      sent.push(typeof message === 'string' ? message : Buffer.from(message).toString());
      return Promise.resolve();
    },
    close: () => {
      close();
    },
    async *[Symbol.asyncIterator]() {
      await closed;
      yield* [];
    },
  };
  const tasks = {
    container: () => {
      throw error;
    },
  };
  const deps = { engine: { health: answeringEngine }, tasks } as unknown as StreamDependencies;
  const request = { kind: 'logs', taskId: 'web-1', options: { follow: false } };
  await serveStream(deps, { streamId: '1', stream, request }, new AbortController().signal);
  return sent;
}

test('the log of a removed container is empty', async (t) => {
  t.deepEqual(await logsThatFail(new AppError('not-found', 'task web-1 has no container')), []);
});

test('a log that cannot be read says why', async (t) => {
  const [line = ''] = await logsThatFail(new AppError('internal', 'the log is malformed'));
  t.regex(line, /^\[\{.*the log is malformed/u);
});

test('a log of an engine that does not answer ends as failed', async (t) => {
  const sent = await logsThatFail(new AppError('unavailable', 'the engine does not answer'));
  t.deepEqual(sent, ['\u0004the engine does not answer']);
});
