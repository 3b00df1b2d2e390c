import type { Clock } from '../../manager/common/base/clock.js';
import { decode } from '../../manager/common/base/decode.js';
import { AppError } from '../../manager/common/base/errors.js';
import { defaultStopGraceMs } from '../../manager/common/model/container.js';
import type { TaskId } from '../../manager/common/model/ids.js';
import type { ReceivedCall } from '../../manager/common/protocol/manager-message.js';
import { workerCall } from '../../manager/common/protocol/worker-request-decoders.js';
import type { WorkerCallMap, WorkerCallName } from '../../manager/common/protocol/worker-calls.js';
import type { EngineHealth } from '../executor/engine-health.js';
import type { EngineInterfaces } from '../executor/executor.js';
import { runHooks } from '../tasks/hooks.js';
import type { TaskSet } from '../tasks/task-set.js';
import type { OpenProcesses } from './served-stream.js';

export interface CallDependencies {
  readonly engine: Omit<EngineInterfaces, 'executor' | 'transfer' | 'requests'> & {
    readonly transfer: Pick<EngineInterfaces['transfer'], 'commit'>;
    readonly health: Pick<EngineHealth, 'whileAnswering'>;
  };
  readonly tasks: TaskSet;
  readonly processes: OpenProcesses;
  readonly clock: Clock;
}

type Handlers = {
  readonly [Name in WorkerCallName]: (
    args: WorkerCallMap[Name]['args'],
    signal: AbortSignal,
  ) => Promise<WorkerCallMap[Name]['result']>;
};

/**
 * Returns the dispatcher for the manager's calls to this node, with one handler per call name.
 * Throws `unsupported` for unknown names, `invalid` for malformed arguments, and `unavailable` if the
 * engine does not answer or falls silent meanwhile.
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
    const { health } = deps.engine;
    return await health.whileAnswering(signal, (whileAnswering) =>
      handler(call.args as never, whileAnswering),
    );
  };
}

function callHandlers({ engine, tasks, processes, clock }: CallDependencies): Handlers {
  const { control, access, imageStore, transfer, volumes, foreign } = engine;
  const containerId = (taskId: TaskId): string => tasks.container(taskId).id;
  return {
    async restart({ taskId, timeoutMs }, signal) {
      const runner = tasks.runner(taskId);
      const graceMs = timeoutMs ?? runner.task?.spec.container.stopGraceMs ?? defaultStopGraceMs;
      const { preStop = [], postStart = [] } = runner.task?.spec.container ?? {};
      await runner.runExclusive(async () => {
        const id = containerId(taskId);
        await runHooks(access, id, preStop, { kind: 'pre_stop', clock, signal });
        await control.restart(id, graceMs, signal);
        await runHooks(access, id, postStart, { kind: 'post_start', clock, signal });
      });
      return null;
    },
    async kill({ taskId, signal: killSignal }, signal) {
      const runner = tasks.runner(taskId);
      runner.noteKill();
      await control.kill(containerId(taskId), killSignal, signal);
      return null;
    },
    async pause({ taskId }, signal) {
      await control.pause(containerId(taskId), signal);
      return null;
    },
    async unpause({ taskId }, signal) {
      await control.unpause(containerId(taskId), signal);
      return null;
    },
    top: ({ taskId, psArgs }, signal) => access.top(containerId(taskId), psArgs, signal),
    inspect: ({ taskId }, signal) => access.inspect(containerId(taskId), signal),
    async removeVolume({ name }, signal) {
      await volumes.remove(name, signal);
      return null;
    },
    listVolumes: (_args, signal) => volumes.list(signal),
    findImage: async ({ image }, signal) => (await imageStore.findImage(image, signal)) ?? null,
    resolveImage: ({ image, auth }, signal) => imageStore.resolveImage(image, auth, signal),
    knownLayers: ({ layers }, signal) => imageStore.knownLayers(layers, signal),
    statPath: async ({ taskId, path }, signal) =>
      (await access.statPath(containerId(taskId), path, signal)) ?? null,
    commit: ({ taskId, ...options }, signal) =>
      transfer.commit(containerId(taskId), options, signal),
    listImages: (_args, signal) => imageStore.listImages(signal),
    inspectImage: async ({ image }, signal) =>
      (await imageStore.inspectImage(image, signal)) ?? null,
    removeImage: ({ image }, signal) => imageStore.removeImage(image, signal),
    listOthers: ({ project }, signal) => foreign.list(project, signal),
    async removeOthers({ project, configFiles }, signal) {
      await foreign.remove(project, configFiles, signal);
      return null;
    },
    async resize({ streamId, columns, rows }, signal) {
      await processes.resize(streamId, columns, rows, signal);
      return null;
    },
  };
}
