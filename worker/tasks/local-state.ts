import { stateRank, type TaskState } from '../../manager/common/model/task-state.js';
import type { TaskStatus } from '../../manager/common/model/task.js';
import { isLiveContainer, type ObservedContainer } from '../executor/executor.js';
import type { TaskAction } from './task-action.js';

/** A container that was created for another task and is adopted by this one. */
export interface Adoption {
  readonly containerId: string;
  /**
   * The container's last exit before the adoption; while it is unchanged, the container has not
   * been started again.
   */
  readonly finishedAt?: string;
}

/** The worker's local state of a task, besides its assignment and its container. */
export interface LocalTaskState {
  /**
   * Time of the first assignment. On the monotonic clock, like all times here except `at` and
   * `startedAt`.
   */
  readonly receivedAt: number;
  /** The furthest state reached; never moves backwards. */
  readonly state: TaskState;
  readonly at: number;
  readonly message: string;
  readonly prepared: boolean;
  /** Final status, set once when the task has ended; persisted. */
  readonly ended?: TaskStatus;
  readonly adopted?: Adoption;
  /** Time of the last signal sent on behalf of a user. */
  readonly killedAt?: number;
  readonly lastStartAt?: number;
  /** True once a client has attached to a container that waits for it. */
  readonly isAttached?: boolean;
  /** Start of the wait for that client. */
  readonly attachWaitSince?: number;
  /**
   * True after a start until the post_start hooks have run; the task is not `running` before that.
   */
  readonly postStartPending?: boolean;
  /** True if the pre_stop hooks have run or failed since the last start. */
  readonly preStopDone?: boolean;
  /** Start time of the container as last observed, in ms since the epoch. */
  readonly startedAt?: number;
  /** Consecutive starts that the engine rejected. */
  readonly startFailures: number;
  readonly startError?: string;
  /** The action that is being retried, and its last error. */
  readonly retried?: { readonly action: TaskAction; readonly error: string };
  /** Restarts from before the engine reset its counter. */
  readonly restartsBefore: number;
}

/** Creates the initial state; `at` is wall-clock time, `heardAt` monotonic time. */
export function newLocalState(at: number, heardAt: number): LocalTaskState {
  return {
    receivedAt: heardAt,
    state: 'accepted',
    at,
    message: 'accepted',
    prepared: false,
    startFailures: 0,
    restartsBefore: 0,
  };
}

/** Advances to `state`, or updates only the message if it is already in that state. */
export function advanceState(
  memory: LocalTaskState,
  state: TaskState,
  message: string,
  now: number,
): LocalTaskState {
  const distance = stateRank(state) - stateRank(memory.state);
  if (distance < 0 || (distance === 0 && message === memory.message)) return memory;
  return { ...memory, state, message, at: distance > 0 ? now : memory.at };
}

/** Advances the state according to the observed container. */
export function applyObservation(
  memory: LocalTaskState,
  seen: ObservedContainer | undefined,
  now: number,
): LocalTaskState {
  if (seen === undefined || memory.ended !== undefined) return memory;
  const startedAt = seen.startedAt ?? seen.lastStartedAt;
  const updated = {
    ...memory,
    prepared: true,
    ...(startedAt === undefined ? {} : { startedAt }),
  };
  if (!isLiveContainer(seen)) return advanceState(updated, 'ready', 'container created', now);
  if (memory.postStartPending === true)
    return advanceState(updated, 'starting', 'post_start hooks', now);
  const message = seen.startedAt === undefined ? 'restarting' : 'running';
  const advanced = advanceState(updated, 'running', message, now);
  if (seen.startedAt === undefined || advanced.startFailures === 0) return advanced;
  const { startError: _error, ...rest } = advanced;
  return { ...rest, startFailures: 0 };
}

/** The task status to report. */
export function statusOf(memory: LocalTaskState, seen: ObservedContainer | undefined): TaskStatus {
  if (memory.ended !== undefined) return memory.ended;
  const { state, at } = memory;
  const base = { state, at, ...errorOf(memory) };
  if (seen === undefined) return { ...base, message: memory.message };
  const started = isLiveContainer(seen) ? seen.startedAt : undefined;
  return {
    ...base,
    message: state === 'running' && started === undefined ? 'restarting' : memory.message,
    ...identityOf(seen),
    restarts: memory.restartsBefore + seen.restarts,
    ports: seen.ports,
    ...(started === undefined ? {} : { startedAt: started }),
    // Between two restarts the last exit is the current state of the container.
    ...(state === 'running' && started === undefined && seen.exitCode !== undefined
      ? { exitCode: seen.exitCode }
      : {}),
    ...(seen.health === undefined || started === undefined ? {} : { health: seen.health }),
    ...(seen.state === 'paused' ? { paused: true } : {}),
  };
}

function errorOf({ startError, retried }: LocalTaskState): Pick<TaskStatus, 'error'> {
  const error = startError ?? retried?.error;
  return error === undefined ? {} : { error };
}

/** Identity of the container, with its volumes and addresses. */
function identityOf({
  id,
  imageId,
  command,
  anonymousVolumes,
  addresses,
}: ObservedContainer): Pick<
  TaskStatus,
  'containerId' | 'imageId' | 'command' | 'anonymousVolumes' | 'addresses'
> {
  const joined = Object.values(addresses).sort();
  return {
    containerId: id,
    imageId,
    ...(command === undefined ? {} : { command }),
    ...(anonymousVolumes === undefined ? {} : { anonymousVolumes }),
    ...(joined.length === 0 ? {} : { addresses: joined }),
  };
}
