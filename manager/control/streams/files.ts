import { readTaskRef } from '../calls/tasks.js';
import { findRunningTask } from '../find.js';
import type { Args } from '../args.js';
import { pipe } from './exec.js';
import type { ClientStream, ControlStreams, StreamContext } from './stream-context.js';

async function pipeToWorker(
  context: StreamContext,
  args: Args,
  client: ClientStream,
  kind: 'read-archive' | 'write-archive' | 'export',
): Promise<void> {
  const task = findRunningTask(context.store.view, readTaskRef(args));
  const request =
    kind === 'export'
      ? ({ kind, taskId: task.id } as const)
      : ({ kind, taskId: task.id, path: args.text('path') } as const);
  const opened = await context.workers.open(task.nodeId, request, client.signal);
  await pipe(context, client, { nodeId: task.nodeId, ...opened });
}

export const copyOut: ControlStreams['copy-out'] = (context, args, client) =>
  pipeToWorker(context, args, client, 'read-archive');

export const copyIn: ControlStreams['copy-in'] = (context, args, client) =>
  pipeToWorker(context, args, client, 'write-archive');

export const exportTask: ControlStreams['export'] = (context, args, client) =>
  pipeToWorker(context, args, client, 'export');
