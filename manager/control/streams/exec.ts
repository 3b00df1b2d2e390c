import type { NodeId } from '../../common/model/ids.js';
import type { ExecOptions, MessageStream } from '../../common/protocol/worker-calls.js';
import { anything, decodeJson } from '../../common/base/decode.js';
import { AppError } from '../../common/base/errors.js';
import { forwardMessages } from '../../transport/forward.js';
import { requireHostRights } from '../../access/client-access.js';
import { execPrivileges } from '../../access/privileges.js';
import { Args } from '../args.js';
import { readTaskRef } from '../calls/tasks.js';
import { findCreatedTask, findRunningTask } from '../find.js';
import type { ClientStream, ControlStreams, StreamContext } from './stream-context.js';

const resizeDeadlineMs = 5_000;

/** An open stream to a worker. */
export interface OpenWorkerStream {
  readonly nodeId: NodeId;
  readonly streamId: string;
  readonly stream: MessageStream;
}

/** Forwards messages both ways until either end closes; awaiting each send gives back-pressure. */
export async function pipe(
  context: StreamContext,
  client: ClientStream,
  worker: OpenWorkerStream,
): Promise<void> {
  const close = (): void => {
    worker.stream.close();
  };
  client.signal.addEventListener('abort', close, { once: true });
  // Ends with the client's connection; the loop below sees its errors.
  void forwardInput(context, client, worker).catch(close);
  try {
    await forwardMessages(worker.stream, client.stream);
  } finally {
    client.signal.removeEventListener('abort', close);
    close();
  }
}

/** Forwards binary frames unchanged; a text message is a new terminal size. */
async function forwardInput(
  context: StreamContext,
  client: ClientStream,
  worker: OpenWorkerStream,
): Promise<void> {
  for (;;) {
    const next = await client.input.next();
    if (next.done === true) {
      worker.stream.close();
      return;
    }
    if (typeof next.value === 'string') resize(context, worker, next.value);
    else await worker.stream.send(next.value);
  }
}

function resize(context: StreamContext, worker: OpenWorkerStream, text: string): void {
  const args = new Args('resize', decodeJson(text, anything, 'resize'));
  const size = { columns: args.count('columns') ?? 80, rows: args.count('rows') ?? 24 };
  const deadline = AbortSignal.timeout(resizeDeadlineMs);
  context.workers
    .call(worker.nodeId, 'resize', { streamId: worker.streamId, ...size }, deadline)
    .catch((error: unknown) => {
      // The command may have exited in the meantime.
      context.log.debug('resize failed', { error: String(error) });
    });
}

function readExecOptions(value: unknown): ExecOptions {
  const args = new Args('exec', value);
  const command = args.texts('command');
  if (command.length === 0) throw new AppError('invalid', 'exec: no command given');
  const user = args.optionalText('user');
  const workingDir = args.optionalText('workingDir');
  const [columns, rows] = [args.count('columns'), args.count('rows')];
  return {
    command,
    env: args.texts('env'),
    privileged: args.flag('privileged'),
    tty: args.flag('tty'),
    stdin: args.flag('stdin'),
    detach: args.flag('detach'),
    ...(user === undefined ? {} : { user }),
    ...(workingDir === undefined ? {} : { workingDir }),
    ...(columns === undefined ? {} : { columns }),
    ...(rows === undefined ? {} : { rows }),
  };
}

export const exec: ControlStreams['exec'] = async (context, args, client) => {
  const task = findRunningTask(context.store.view, readTaskRef(args));
  const options = readExecOptions(args.object('options'));
  const { project } = task;
  const rights = execPrivileges(options);
  requireHostRights(context.access, { what: 'exec', project, rights }, context.store.view);
  const request = { kind: 'exec', taskId: task.id, options } as const;
  const opened = await context.workers.open(task.nodeId, request, client.signal);
  await pipe(context, client, { nodeId: task.nodeId, ...opened });
};

export const attach: ControlStreams['attach'] = async (context, args, client) => {
  const start = args.flag('start');
  const find = start ? findCreatedTask : findRunningTask;
  const task = find(context.store.view, readTaskRef(args));
  const request = {
    kind: 'attach',
    taskId: task.id,
    stdin: args.flag('stdin'),
    start,
  } as const;
  const opened = await context.workers.open(task.nodeId, request, client.signal);
  await pipe(context, client, { nodeId: task.nodeId, ...opened });
};
