import { readVisible } from '../../access/required-right.js';
import { messageOf } from '../../common/base/errors.js';
import type { Task } from '../../common/model/task.js';
import { isAssigned, isTerminal } from '../../common/model/task-state.js';
import type { LogLine } from '../../common/protocol/worker-calls.js';
import { logBytes } from '../../common/protocol/worker-calls.js';
import { decodeLogLines } from '../../common/protocol/worker-stream-decoders.js';
import type { ApiRequest, GatewayContext, Route, RouteHandler } from '../context.js';
import type { LogSelection } from '../handlers/logs.js';
import { readLogQuery } from '../handlers/logs.js';
import { flagParameter } from '../query.js';
import type { ApiResponse, Sink } from '../response.js';
import { multiplexed } from '../translate/multiplex.js';
import { findSwarmService, findSwarmTask } from './find.js';

interface LogSource {
  readonly task: Task & { readonly nodeId: NonNullable<Task['nodeId']> };
  readonly selection: LogSelection;
  /** Whether each line tells its node, service and task. */
  readonly hasDetails: boolean;
}

/** A task's place as the client splits it off again: `key=value` pairs separated by commas. */
function detailsOf({ id, serviceId, nodeId }: LogSource['task']): string {
  const key = 'com.docker.swarm';
  return `${key}.node.id=${nodeId},${key}.service.id=${serviceId},${key}.task.id=${id}`;
}

function formatter({ task, selection, hasDetails }: LogSource): (line: LogLine) => Uint8Array {
  const prefix = hasDetails ? `${detailsOf(task)} ` : '';
  return (line) => {
    const stamp = selection.timestamps ? `${line.stamp} ` : '';
    const text = Buffer.concat([
      Buffer.from(`${stamp}${prefix}`),
      logBytes(line),
      Buffer.from('\n'),
    ]);
    return selection.isTty ? text : multiplexed(line.stream, text);
  };
}

async function pourTask({ workers }: GatewayContext, source: LogSource, sink: Sink): Promise<void> {
  const { task, selection } = source;
  const request = { kind: 'logs', taskId: task.id, options: selection.options } as const;
  const { stream } = await workers.open(task.nodeId, request, sink.signal);
  const close = (): void => {
    stream.close();
  };
  sink.signal.addEventListener('abort', close, { once: true });
  const format = formatter(source);
  try {
    for await (const message of stream) {
      const lines = decodeLogLines(message, `logs of task ${task.id} from node ${task.nodeId}`);
      const shown = lines.filter(({ stream: of }) => selection.streams.has(of)).map(format);
      if (shown.length > 0) await sink.send(Buffer.concat(shown));
    }
  } finally {
    sink.signal.removeEventListener('abort', close);
    close();
  }
}

/**
 * Logs of tasks, each read on its own: a task that cannot be read leaves a line on the error stream
 * and does not end the others.
 */
function logsOf(context: GatewayContext, request: ApiRequest, tasks: readonly Task[]): ApiResponse {
  const hasDetails = flagParameter(request.query, 'details');
  const sources = tasks.flatMap((task): LogSource[] => {
    const { nodeId } = task;
    if (nodeId === undefined) return [];
    const selection = readLogQuery(request, task);
    return [{ task: { ...task, nodeId }, selection, hasDetails }];
  });
  const isRaw = sources.some(({ selection }) => selection.isTty);
  return {
    kind: 'stream',
    contentType: `application/vnd.docker.${isRaw ? 'raw' : 'multiplexed'}-stream`,
    pour: async (sink) => {
      const one = async (source: LogSource): Promise<void> => {
        try {
          await pourTask(context, source, sink);
        } catch (error) {
          if (sink.signal.aborted) return;
          const details = hasDetails ? `${detailsOf(source.task)} ` : '';
          const line = Buffer.from(
            `${details}log of task ${source.task.id}: ${messageOf(error)}\n`,
          );
          await sink.send(source.selection.isTty ? line : multiplexed('stderr', line));
        }
      };
      await Promise.all(sources.map(one));
    },
  };
}

/** Whether a task has or had a container whose log may be read. */
function hasLog({ status, nodeId }: Task): boolean {
  return nodeId !== undefined && (isAssigned(status.state) || isTerminal(status.state));
}

const serviceLogs: RouteHandler = (context, request, reference = '') => {
  const { view } = context.store;
  const tasks = view.tasksOfService(findSwarmService(view, reference).id).filter(hasLog);
  return logsOf(context, request, tasks);
};

const taskLogs: RouteHandler = (context, request, reference = '') =>
  logsOf(context, request, [findSwarmTask(context.store.view, reference)]);

export const swarmLogRoutes: readonly Route[] = [
  {
    method: 'GET',
    pattern: /^\/services\/([^/]+)\/logs$/u,
    right: readVisible,
    reveals: true,
    handler: serviceLogs,
  },
  {
    method: 'GET',
    pattern: /^\/tasks\/([^/]+)\/logs$/u,
    right: readVisible,
    reveals: true,
    handler: taskLogs,
  },
];
