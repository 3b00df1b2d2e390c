import { PassThrough } from 'node:stream';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import type { TaskId } from '../../manager/common/model/ids.js';
import { isTerminal } from '../../manager/common/model/task-state.js';
import { frame, unframe } from '../../manager/common/protocol/frames.js';
import type {
  LogLine,
  LogOptions,
  MessageStream,
  WorkerStreamRequest,
} from '../../manager/common/protocol/worker-calls.js';
import { deferred } from '../cancellation.js';
import type { Executor, RunningProcess } from '../executor/executor.js';
import { Demux } from '../logs/demux.js';
import { followLog } from '../logs/follow.js';
import { serveStats } from '../stats/stream.js';
import type { TaskSet } from '../tasks/task-set.js';
import type { Served, StreamOrder, StreamSurroundings } from './served.js';
import { serveTransfer } from './transfers.js';

/** Serves what the manager asked for on a connection of its own, until either end closes it. */
export async function serveStream(
  around: StreamSurroundings,
  order: StreamOrder,
  outer: AbortSignal,
): Promise<void> {
  const { stream, request } = order;
  const abort = new AbortController();
  const signal = AbortSignal.any([outer, abort.signal]);
  // The input of what is served; its end is also how we hear that nobody listens any more.
  const input = new PassThrough();
  const reading = readInput(stream, input).finally(() => {
    abort.abort(new AppError('cancelled', 'the reader has gone'));
  });
  try {
    await handle(around, { ...order, input, signal });
  } catch (error) {
    if (!signal.aborted) await tellFailure(stream, request, error).catch(() => undefined);
  } finally {
    stream.close();
    input.destroy();
    await reading;
  }
}

async function handle(around: StreamSurroundings, served: Served): Promise<void> {
  const { executor, tasks } = around;
  const { request, input, signal, stream } = served;
  switch (request.kind) {
    case 'logs':
      await serveLogs(around, served, request.taskId, request.options);
      return;
    case 'exec': {
      const container = tasks.container(request.taskId);
      const process = await executor.exec(container.id, request.options, signal);
      await serveProcess(around, served, process);
      return;
    }
    case 'attach': {
      const container = tasks.container(request.taskId);
      const process = await executor.attach(container.id, request, signal);
      await serveProcess(around, served, process);
      return;
    }
    case 'save-image': {
      const archive = await executor.saveImage(request.image, request.withoutLayers ?? 0, signal);
      for await (const chunk of archive as AsyncIterable<Uint8Array>) {
        await stream.send(frame('stdout', chunk));
      }
      await stream.send(frame('exit', '0'));
      return;
    }
    case 'load-image':
      await executor.loadImage(input, signal);
      await stream.send(frame('exit', '0'));
      return;
    case 'stats':
      await serveStats(around, stream, signal);
      return;
    default:
      await serveTransfer(around, served, request);
  }
}

async function readInput(stream: MessageStream, input: PassThrough): Promise<void> {
  try {
    for await (const message of stream) {
      if (typeof message === 'string') continue;
      const part = unframe(message);
      if (part?.channel !== 'stdin') continue;
      if (part.data.length === 0) input.end();
      else if (!input.destroyed && !input.write(Buffer.from(part.data))) await drained(input);
    }
  } catch {
    // The connection was lost, which ends the stream as a close does.
  }
}

function drained(input: PassThrough): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ['drain', 'close', 'error']) input.once(event, resolve);
  });
}

async function tellFailure(
  stream: MessageStream,
  request: WorkerStreamRequest,
  error: unknown,
): Promise<void> {
  const message = messageOf(error);
  if (request.kind !== 'logs') {
    await stream.send(frame('error', message));
    return;
  }
  // Lines are all that this stream carries.
  const at = Date.now();
  const stamp = new Date(at).toISOString();
  const line: LogLine = { at, stamp, stream: 'stderr', text: `shoal: ${message}` };
  await stream.send(JSON.stringify([line]));
}

async function serveLogs(
  { executor, tasks }: StreamSurroundings,
  { stream, signal }: Served,
  taskId: TaskId,
  options: LogOptions,
): Promise<void> {
  const followed = {
    containerId: () => tasks.container(taskId).id,
    runsAgain: (untilSignal: AbortSignal) => runsAgain(executor, tasks, taskId, untilSignal),
  };
  for await (const lines of followLog(executor, followed, options, signal)) {
    await stream.send(JSON.stringify(lines));
  }
}

/** Waits for the task's container to be started again, or for the task to be over. */
async function runsAgain(
  executor: Executor,
  tasks: TaskSet,
  taskId: TaskId,
  signal: AbortSignal,
): Promise<boolean> {
  const decided = deferred<boolean>();
  const look = (): void => {
    const runner = tasks.find(taskId);
    if (runner?.task === undefined) {
      decided.resolve(false);
      return;
    }
    const { status } = runner;
    if (isTerminal(status.state)) decided.resolve(false);
    else if (executor.containers.connected && status.startedAt !== undefined) decided.resolve(true);
  };
  const onAbort = (): void => {
    decided.resolve(false);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  const stopListening = tasks.onReport((reported) => {
    if (reported === taskId) look();
  });
  look();
  try {
    return await decided.promise;
  } finally {
    stopListening();
    signal.removeEventListener('abort', onAbort);
  }
}

async function serveProcess(
  { processes }: StreamSurroundings,
  { streamId, stream, input, signal }: Served,
  process: RunningProcess,
): Promise<void> {
  const { stream: io } = process;
  if (io === undefined) {
    await stream.send(frame('exit', '0'));
    return;
  }
  processes.add(streamId, process);
  const hangUp = (): void => {
    (io as Partial<{ destroy(): void }>).destroy?.();
  };
  signal.addEventListener('abort', hangUp, { once: true });
  try {
    input.pipe(io);
    const demux = new Demux();
    for await (const chunk of io as AsyncIterable<Uint8Array>) {
      const outputs = process.tty
        ? [{ stream: 'stdout' as const, data: chunk }]
        : demux.push(chunk);
      for (const { stream: channel, data } of outputs) await stream.send(frame(channel, data));
    }
    const code = await process.exitCode(signal);
    await stream.send(frame('exit', String(code)));
  } finally {
    processes.delete(streamId);
    signal.removeEventListener('abort', hangUp);
    hangUp();
  }
}
