import { decode } from '../../manager/common/base/decode.js';
import { AppError } from '../../manager/common/base/errors.js';
import type { TaskId } from '../../manager/common/model/ids.js';
import type { ReceivedCall } from '../../manager/common/protocol/manager-message.js';
import { workerCall } from '../../manager/common/protocol/worker-request-decoders.js';
import type { WorkerCallMap, WorkerCallName } from '../../manager/common/protocol/worker-calls.js';
import type { Executor } from '../executor/executor.js';
import { runHooks } from '../tasks/hooks.js';
import type { TaskSet } from '../tasks/task-set.js';
import type { OpenProcesses } from './served-stream.js';

export interface CallDependencies {
  readonly executor: Executor;
  readonly tasks: TaskSet;
  readonly processes: OpenProcesses;
}

type Handlers = {
  readonly [Name in WorkerCallName]: (
    args: WorkerCallMap[Name]['args'],
    signal: AbortSignal,
  ) => Promise<WorkerCallMap[Name]['result']>;
};

/**
 * Returns the dispatcher for the manager's calls to this node, with one handler per call name.
 * Throws `unsupported` for unknown names and `invalid` for malformed arguments.
 */
export function workerCalls(
  deps: CallDependencies,
): (call: ReceivedCall, signal: AbortSignal) => Promise<unknown> {
  const handlers = callHandlers(deps);
  return async (received, signal) => {
    const { name } = received;
    if (!Object.hasOwn(handlers, name)) {
      throw new AppError(
        'unsupported',
        `call ${name} is not supported by this node; upgrade its worker`,
      );
    }
    const call = decode(received, workerCall, `call ${name}`);
    const handler = handlers[call.name] as (args: never, signal: AbortSignal) => Promise<unknown>;
    return await handler(call.args as never, signal);
  };
}

function callHandlers({ executor, tasks, processes }: CallDependencies): Handlers {
  const containerId = (taskId: TaskId): string => tasks.container(taskId).id;
  return {
    async restart({ taskId, timeoutMs }, signal) {
      const runner = tasks.runner(taskId);
      const graceMs = timeoutMs ?? runner.task?.spec.container.stopGraceMs ?? 10_000;
      const { preStop = [], postStart = [] } = runner.task?.spec.container ?? {};
      await runner.runExclusive(async () => {
        const id = containerId(taskId);
        await runHooks(executor, id, preStop, { kind: 'pre_stop', signal });
        await executor.restart(id, graceMs, signal);
        await runHooks(executor, id, postStart, { kind: 'post_start', signal });
      });
      return null;
    },
    async kill({ taskId, signal: killSignal }, signal) {
      const runner = tasks.runner(taskId);
      runner.noteKill();
      await executor.kill(containerId(taskId), killSignal, signal);
      return null;
    },
    async pause({ taskId }, signal) {
      await executor.pause(containerId(taskId), signal);
      return null;
    },
    async unpause({ taskId }, signal) {
      await executor.unpause(containerId(taskId), signal);
      return null;
    },
    top: ({ taskId, psArgs }, signal) => executor.top(containerId(taskId), psArgs, signal),
    inspect: ({ taskId }, signal) => executor.inspect(containerId(taskId), signal),
    async removeVolume({ name }, signal) {
      await executor.removeVolume(name, signal);
      return null;
    },
    listVolumes: (_args, signal) => executor.listVolumes(signal),
    findImage: async ({ image }, signal) => (await executor.findImage(image, signal)) ?? null,
    resolveImage: ({ image, auth }, signal) => executor.resolveImage(image, auth, signal),
    knownLayers: ({ layers }, signal) => executor.knownLayers(layers, signal),
    statPath: async ({ taskId, path }, signal) =>
      (await executor.statPath(containerId(taskId), path, signal)) ?? null,
    commit: ({ taskId, ...options }, signal) =>
      executor.commit(containerId(taskId), options, signal),
    listImages: (_args, signal) => executor.listImages(signal),
    inspectImage: async ({ image }, signal) => (await executor.inspectImage(image, signal)) ?? null,
    removeImage: ({ image }, signal) => executor.removeImage(image, signal),
    listOthers: ({ project }, signal) => executor.listComposeContainers(project, signal),
    async removeOthers({ project, configFiles }, signal) {
      await executor.removeComposeContainers(project, configFiles, signal);
      return null;
    },
    async resize({ streamId, columns, rows }, signal) {
      await processes.resize(streamId, columns, rows, signal);
      return null;
    },
  };
}
