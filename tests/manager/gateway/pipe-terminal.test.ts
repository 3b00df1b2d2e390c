import test from 'ava';
import { decodeStreamFrame, encodeStreamFrame } from '../../../manager/common/protocol/frames.js';
import type { MessageStream } from '../../../manager/common/protocol/worker-calls.js';
import { pipeTerminal } from '../../../manager/gateway/pipe-terminal.js';
import { multiplexed } from '../../../manager/gateway/translate/multiplex.js';
import { messagePair } from '../../helpers/fakes/message-pair.js';

interface Scene {
  readonly process: MessageStream;
  readonly output: Uint8Array[];
  readonly disconnect: AbortController;
  readonly exitCode: Promise<number | undefined>;
}

/** A terminal with this input, connected to a process on a node. */
function scene(isTty: boolean, input: readonly string[] = []): Scene {
  const [process, worker] = messagePair();
  const output: Uint8Array[] = [];
  const disconnect = new AbortController();
  const terminal = {
    signal: disconnect.signal,
    input: (async function* () {
      await Promise.resolve();
      for (const chunk of input) yield Buffer.from(chunk);
    })(),
    send: (data: Uint8Array) => {
      output.push(data);
      return Promise.resolve();
    },
  };
  return { process, output, disconnect, exitCode: pipeTerminal(terminal, worker, isTty) };
}

test('input reaches the process and ends with an empty frame', async (t) => {
  const { process, exitCode } = scene(false, ['one', '', 'two']);
  const frames: string[] = [];
  for await (const message of process) {
    if (typeof message === 'string') continue;
    const frame = decodeStreamFrame(message);
    frames.push(`${frame?.channel ?? ''} ${Buffer.from(frame?.data ?? []).toString()}`);
    if (frames.length === 3) break;
  }
  t.deepEqual(frames, ['stdin one', 'stdin two', 'stdin ']);
  await process.send(encodeStreamFrame('exit', '0'));
  t.is(await exitCode, 0);
});

test('output is multiplexed by stream without a terminal and raw with one', async (t) => {
  const bytes = new Uint8Array([0, 255, 10]);
  for (const isTty of [false, true]) {
    const { process, output, exitCode } = scene(isTty);
    await process.send(encodeStreamFrame('stdout', bytes));
    await process.send(encodeStreamFrame('stderr', bytes));
    await process.send(encodeStreamFrame('exit', '3'));
    t.is(await exitCode, 3);
    const expected = isTty
      ? [bytes, bytes]
      : [multiplexed('stdout', bytes), multiplexed('stderr', bytes)];
    t.deepEqual(
      output.map((data) => Buffer.from(data)),
      expected.map((data) => Buffer.from(data)),
    );
  }
});

test('a command that cannot be executed prints the reason and ends with 126', async (t) => {
  const { process, output, exitCode } = scene(true);
  await process.send(encodeStreamFrame('error', 'no such file'));
  t.is(await exitCode, 126);
  t.is(Buffer.concat(output).toString(), 'no such file\r\n');
});

test('a lost process has no exit code', async (t) => {
  const { process, exitCode } = scene(true);
  process.close();
  t.is(await exitCode, undefined);
});

test('a client that disconnects ends the process', async (t) => {
  const { process, disconnect, exitCode } = scene(true, ['x']);
  disconnect.abort();
  for await (const _message of process);
  t.is(await exitCode, undefined);
});
