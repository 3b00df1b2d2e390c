import { PassThrough } from 'node:stream';
import { decode, type Fields } from '../../manager/common/base/decode.js';
import {
  AppError,
  isNotFound,
  isUnavailable,
  messageOf,
} from '../../manager/common/base/errors.js';
import type { TaskId } from '../../manager/common/model/ids.js';
import { isTerminal } from '../../manager/common/model/task-state.js';
import { encodeStreamFrame, decodeStreamFrame } from '../../manager/common/protocol/frames.js';
import { workerStreamRequest } from '../../manager/common/protocol/worker-request-decoders.js';
import type {
  LogLine,
  LogOptions,
  MessageStream,
} from '../../manager/common/protocol/worker-calls.js';
import { deferred } from '../../manager/common/base/cancellation.js';
import type { ContainerCache, RunningProcess } from '../executor/executor.js';
import { processOutput, rawOutput } from '../executor/demux.js';
import { followLog } from '../logs/follow.js';
import { serveStats } from '../stats/stream.js';
import type { TaskSet } from '../tasks/task-set.js';
import type { ServedStream, OpenedStream, StreamDependencies } from './served-stream.js';
import { sendOutput } from './send-output.js';
import { serveEngineRequest } from './engine-requests.js';
import { serveTransfer } from './transfers.js';

/** Serves a requested stream on its own connection until either side closes it. */
export async function serveStream(
  deps: StreamDependencies,
  opened: OpenedStream,
  callerSignal: AbortSignal,
): Promise<void> {
  const { stream, request } = opened;
  const abort = new AbortController();
  const signal = AbortSignal.any([callerSignal, abort.signal]);
  // Input of the served process; its end also shows that the reader has disconnected.
  const input = new PassThrough();
  const reading = readInput(stream, input).finally(() => {
    abort.abort(new AppError('cancelled', 'reader disconnected'));
  });
  try {
    const decoded = decode(request, workerStreamRequest, 'stream request');
    await deps.engine.health.whileAnswering(signal, (whileAnswering) =>
      handle(deps, { ...opened, request: decoded, input, signal: whileAnswering }),
    );
  } catch (error) {
    if (!signal.aborted) await sendFailure(stream, request, error).catch(() => undefined);
  } finally {
    stream.close();
    input.destroy();
    await reading;
  }
}

async function handle(deps: StreamDependencies, served: ServedStream): Promise<void> {
  const { tasks } = deps;
  const { access, transfer } = deps.engine;
  const { request, input, signal, stream } = served;
  switch (request.kind) {
    case 'logs':
      await serveLogs(deps, served, request.taskId, request.options);
      return;
    case 'exec': {
      const container = tasks.container(request.taskId);
      const process = await access.exec(container.id, request.options, signal);
      await serveProcess(deps, served, process);
      return;
    }
    case 'attach': {
      const container = tasks.container(request.taskId);
      const process = await access.attach(container.id, request, signal);
      if (request.start === true) tasks.runner(request.taskId).noteAttach();
      await serveProcess(deps, served, process);
      return;
    }
    case 'save-image': {
      const archive = await transfer.saveImage(request.image, request.withoutLayers ?? 0, signal);
      await sendOutput(stream, rawOutput(archive));
      await stream.send(encodeStreamFrame('exit', '0'));
      return;
    }
    case 'load-image':
      await transfer.loadImage(input, request, signal);
      await stream.send(encodeStreamFrame('exit', '0'));
      return;
    case 'stats':
      await serveStats({ ...deps, access }, stream, signal);
      return;
    case 'engine':
      await serveEngineRequest(deps, served, request);
      return;
    default:
      await serveTransfer(deps, served, request);
  }
}

async function readInput(stream: MessageStream, input: PassThrough): Promise<void> {
  try {
    for await (const message of stream) {
      if (typeof message === 'string') continue;
      const part = decodeStreamFrame(message);
      if (part?.channel !== 'stdin') continue;
      if (part.data.length === 0) input.end();
      else if (!input.destroyed && !input.write(Buffer.from(part.data))) await waitForDrain(input);
    }
  } catch {
    // A lost connection ends the stream like a close.
  }
}

function waitForDrain(input: PassThrough): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ['drain', 'close', 'error']) input.once(event, resolve);
  });
}

async function sendFailure(stream: MessageStream, request: Fields, error: unknown): Promise<void> {
  const message = messageOf(error);
  // An engine that does not answer ends the stream as failed; it may be read again later.
  if (request.kind !== 'logs' || isUnavailable(error)) {
    await stream.send(encodeStreamFrame('error', message));
    return;
  }
  // A container that was removed has no lines left; its log ends.
  if (isNotFound(error)) return;
  // A log stream carries only lines.
  const at = Date.now();
  const stamp = new Date(at).toISOString();
  const line: LogLine = { at, stamp, stream: 'stderr', text: `shoal: ${message}` };
  await stream.send(JSON.stringify([line]));
}

async function serveLogs(
  { engine, tasks }: StreamDependencies,
  { stream, signal }: ServedStream,
  taskId: TaskId,
  options: LogOptions,
): Promise<void> {
  const followed = {
    containerId: () => tasks.container(taskId).id,
    runsAgain: (untilSignal: AbortSignal) =>
      waitForRestart(engine.containers, tasks, taskId, untilSignal),
  };
  for await (const lines of followLog(engine.access, followed, options, signal)) {
    await stream.send(JSON.stringify(lines));
  }
}

/** Waits until the task's container runs again (true) or the task has ended (false). */
async function waitForRestart(
  containers: ContainerCache,
  tasks: TaskSet,
  taskId: TaskId,
  signal: AbortSignal,
): Promise<boolean> {
  const decided = deferred<boolean>();
  const check = (): void => {
    const runner = tasks.find(taskId);
    if (runner?.task === undefined) {
      decided.resolve(false);
      return;
    }
    const { status } = runner;
    if (isTerminal(status.state)) decided.resolve(false);
    else if (containers.connected && status.startedAt !== undefined) decided.resolve(true);
  };
  const onAbort = (): void => {
    decided.resolve(false);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  const stopListening = tasks.onReport((reported) => {
    if (reported === taskId) check();
  });
  check();
  try {
    return await decided.promise;
  } finally {
    stopListening();
    signal.removeEventListener('abort', onAbort);
  }
}

async function serveProcess(
  { processes }: StreamDependencies,
  { streamId, stream, input, signal }: ServedStream,
  process: RunningProcess,
): Promise<void> {
  const { stream: io } = process;
  if (io === undefined) {
    await stream.send(encodeStreamFrame('exit', '0'));
    return;
  }
  processes.add(streamId, process);
  const hangUp = (): void => {
    (io as Partial<{ destroy(): void }>).destroy?.();
  };
  signal.addEventListener('abort', hangUp, { once: true });
  try {
    input.pipe(io);
    await sendOutput(stream, processOutput(io, process.tty));
    const code = await process.exitCode(signal);
    await stream.send(encodeStreamFrame('exit', String(code)));
  } finally {
    processes.delete(streamId);
    signal.removeEventListener('abort', hangUp);
    hangUp();
  }
}
