import { aService, aTask } from '../../../fixtures/cluster/build.js';
import type {
  ContainerSpec,
  EngineRestart,
  HookSpec,
} from '../../../manager/common/model/container.js';
import type { TaskId } from '../../../manager/common/model/ids.js';
import type { AssignedTask } from '../../../manager/common/protocol/assignments.js';
import {
  type EngineContainerState,
  type ObservedContainer,
} from '../../../worker/executor/executor.js';
import { newLocalState, type LocalTaskState } from '../../../worker/tasks/local-state.js';

export const now = 1_000_000;

/** A task assigned to `node-a`. */
export function task(
  changes: Partial<AssignedTask> = {},
  engineRestart: EngineRestart = { name: 'no' },
): AssignedTask {
  const service = aService('web', { task: { container: { engineRestart } } });
  return { ...aTask(service, 1, { id: 't1', node: 'node-a' }), ...changes };
}

/** The task's container as the engine reports it. */
export function seen(
  state: EngineContainerState,
  changes: Partial<ObservedContainer> = {},
): ObservedContainer {
  return {
    id: 'c1',
    name: 'demo-web-1',
    taskId: 't1' as TaskId,
    state,
    restarts: 0,
    ports: [],
    imageId: 'sha256:1',
    addresses: {},
    ...(state === 'running' ? { startedAt: now - 60_000 } : {}),
    ...(state === 'exited' ? { exitCode: 1, finishedAt: 'f1' } : {}),
    ...changes,
  };
}

export const prepared: LocalTaskState = {
  ...newLocalState(now, now),
  prepared: true,
  state: 'preparing',
};

export const ran: LocalTaskState = { ...prepared, state: 'running' };

export const always: EngineRestart = { name: 'always' };
export const hook: HookSpec = { command: ['true'], privileged: false, env: {} };

/** A task whose container has these fields. */
export function taskWith(container: Partial<ContainerSpec>): AssignedTask {
  const base = task();
  return { ...base, spec: { ...base.spec, container: { ...base.spec.container, ...container } } };
}
