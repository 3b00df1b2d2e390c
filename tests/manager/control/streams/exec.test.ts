import type { ExecutionContext } from 'ava';
import test from 'ava';
import type { NodeId } from '../../../../manager/common/model/ids.js';
import type {
  MessageStream,
  WorkerCalls,
} from '../../../../manager/common/protocol/worker-calls.js';
import { pipe } from '../../../../manager/control/streams/exec.js';
import type { StreamContext } from '../../../../manager/control/streams/stream-context.js';
import { messagePair } from '../../../helpers/fakes/message-pair.js';
import { silentLogger } from '../../../helpers/fakes/silent-logger.js';
import { until } from '../../../helpers/until.js';

interface Scene {
  readonly user: MessageStream;
  readonly process: MessageStream;
  readonly resizes: unknown[];
  readonly disconnect: AbortController;
  readonly done: Promise<void>;
}

/** A pipe between a user and a process on a worker. */
function scene(): Scene {
  const [user, client] = messagePair();
  const [process, worker] = messagePair();
  const resizes: unknown[] = [];
  const disconnect = new AbortController();
  const workers: Pick<WorkerCalls, 'call'> = {
    call: (nodeId, name, args) => {
      resizes.push([nodeId, name, args]);
      return Promise.reject(new Error('the command has exited'));
    },
  };
  const context = { workers, log: silentLogger } as unknown as StreamContext;
  const done = pipe(
    context,
    {
      stream: client,
      input: client[Symbol.asyncIterator](),
      ended: new Promise(() => undefined),
      signal: disconnect.signal,
    },
    { nodeId: 'n1' as NodeId, streamId: 's1', stream: worker },
  );
  return { user, process, resizes, disconnect, done };
}

async function next(t: ExecutionContext, stream: MessageStream): Promise<unknown> {
  const result: IteratorResult<unknown> = await stream[Symbol.asyncIterator]().next();
  t.not(result.done, true);
  return result.value;
}

test('frames pass both ways unchanged, text from the user is a terminal size', async (t) => {
  const { user, process, resizes, done } = scene();
  const [input, output] = [new Uint8Array([1, 0, 255]), new Uint8Array([2, 10])];
  await user.send('{"columns":100,"rows":30}');
  await user.send(input);
  t.is(await next(t, process), input);
  await process.send(output);
  t.is(await next(t, user), output);
  t.deepEqual(resizes, [['n1', 'resize', { streamId: 's1', columns: 100, rows: 30 }]]);
  process.close();
  await done;
});

test('the end of the user ends the process, and that of the process ends the pipe', async (t) => {
  const { user, process, done } = scene();
  user.close();
  t.true((await process[Symbol.asyncIterator]().next()).done);
  await t.notThrowsAsync(done);
});

test('a malformed terminal size ends the process', async (t) => {
  const { user, process, done } = scene();
  await user.send('columns 100');
  t.true((await process[Symbol.asyncIterator]().next()).done);
  await done;
});

test('a user who disconnects ends the process', async (t) => {
  const { process, disconnect, done } = scene();
  let ended = false;
  const watching = (async () => {
    for await (const _message of process);
    ended = true;
  })();
  disconnect.abort();
  await until('the process ends', 5_000, () => ended);
  await watching;
  await t.notThrowsAsync(done);
});
