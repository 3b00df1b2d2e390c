import { readVisible } from '../../access/required-right.js';
import { messageOf } from '../../common/base/errors.js';
import type { NodeId } from '../../common/model/ids.js';
import type { Task } from '../../common/model/task.js';
import { isAssigned, isTerminal } from '../../common/model/task-state.js';
import type { ApiRequest, GatewayContext, Route, RouteHandler } from '../context.js';
import type { LogSelection } from '../handlers/logs.js';
import { pourLog, readLogQuery } from '../handlers/logs.js';
import { flagParameter } from '../query.js';
import type { ApiResponse } from '../response.js';
import { multiplexed } from '../translate/multiplex.js';
import { findSwarmService, findSwarmTask } from './find.js';

interface TaskLog {
  readonly task: Task;
  readonly nodeId: NodeId;
  readonly selection: LogSelection;
  /** The place of the task, if the client asked for details. */
  readonly prefix: string;
}

/** A task's place as the client splits it off again: `key=value` pairs separated by commas. */
function detailsOf({ id, serviceId }: Task, nodeId: NodeId): string {
  const key = 'com.docker.swarm';
  return `${key}.node.id=${nodeId},${key}.service.id=${serviceId},${key}.task.id=${id} `;
}

/**
 * Logs of tasks, each read on its own: a task that cannot be read leaves a line on the error stream
 * and does not end the others.
 */
function logsOf(context: GatewayContext, request: ApiRequest, tasks: readonly Task[]): ApiResponse {
  const hasDetails = flagParameter(request.query, 'details');
  const sources = tasks.flatMap((task): TaskLog[] => {
    const { nodeId } = task;
    if (nodeId === undefined) return [];
    const selection = readLogQuery(request, task);
    return [{ task, nodeId, selection, prefix: hasDetails ? detailsOf(task, nodeId) : '' }];
  });
  const isRaw = sources.some(({ selection }) => selection.isTty);
  return {
    kind: 'stream',
    contentType: `application/vnd.docker.${isRaw ? 'raw' : 'multiplexed'}-stream`,
    pour: async (sink) => {
      const one = async (source: TaskLog): Promise<void> => {
        try {
          await pourLog(context, source, sink);
        } catch (error) {
          if (sink.signal.aborted) return;
          const { prefix, task, selection } = source;
          const line = Buffer.from(`${prefix}log of task ${task.id}: ${messageOf(error)}\n`);
          await sink.send(selection.isTty ? line : multiplexed('stderr', line));
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
