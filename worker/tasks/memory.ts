import { stateRank, type TaskState } from '../../manager/common/model/task-state.js';
import type { TaskStatus } from '../../manager/common/model/task.js';
import { isLive, type SeenContainer } from '../executor/executor.js';

/** A container that another task had made and this one has taken over. */
export interface Adoption {
  readonly containerId: string;
  /** The container's last end before: while it is still that one, it is yet to be started. */
  readonly finishedAt?: string;
}

/** What the worker knows of a task besides its record and its container. */
export interface TaskMemory {
  /** When it was first heard of; like all moments here but `at` and `startedAt` on the clock that never jumps. */
  readonly heardAt: number;
  /** The furthest state reached; it never goes back. */
  readonly state: TaskState;
  readonly at: number;
  readonly message: string;
  readonly prepared: boolean;
  /** Set once, when the task has ended; kept on disk. */
  readonly ended?: TaskStatus;
  readonly adopted?: Adoption;
  /** When a signal was last sent on a user's behalf. */
  readonly killedAt?: number;
  readonly lastStartAt?: number;
  /** Started, and its post_start hooks are to be run: until then it does not count as running. */
  readonly hooksDue?: boolean;
  /** Its pre_stop hooks have been run, or have failed, since it was started. */
  readonly stopHooksDone?: boolean;
  /** When its container was last seen to have been started. */
  readonly startedAt?: number;
  /** Starts in a row that the engine refused. */
  readonly startFailures: number;
  readonly startError?: string;
  /** Restarts before the engine began to count anew. */
  readonly restartsBefore: number;
}

/** `at` is the time of day, `heardAt` the moment on the clock that never jumps. */
export function newMemory(at: number, heardAt: number): TaskMemory {
  return {
    heardAt,
    state: 'accepted',
    at,
    message: 'accepted',
    prepared: false,
    startFailures: 0,
    restartsBefore: 0,
  };
}

/** Moves on to `state`, or only changes the message when it is there already. */
export function reached(
  memory: TaskMemory,
  state: TaskState,
  message: string,
  now: number,
): TaskMemory {
  const ahead = stateRank(state) - stateRank(memory.state);
  if (ahead < 0 || (ahead === 0 && message === memory.message)) return memory;
  return { ...memory, state, message, at: ahead > 0 ? now : memory.at };
}

/** What the sight of its container says about how far a task has come. */
export function observed(
  memory: TaskMemory,
  seen: SeenContainer | undefined,
  now: number,
): TaskMemory {
  if (seen === undefined || memory.ended !== undefined) return memory;
  const startedAt = seen.startedAt ?? seen.lastStartedAt;
  const known = {
    ...memory,
    prepared: true,
    ...(startedAt === undefined ? {} : { startedAt }),
  };
  if (!isLive(seen)) return reached(known, 'ready', 'container created', now);
  if (memory.hooksDue === true) return reached(known, 'starting', 'post_start hooks', now);
  const message = seen.startedAt === undefined ? 'restarting' : 'running';
  const moved = reached(known, 'running', message, now);
  if (seen.startedAt === undefined || moved.startFailures === 0) return moved;
  const { startError: _error, ...rest } = moved;
  return { ...rest, startFailures: 0 };
}

/** The report on a task. */
export function statusOf(memory: TaskMemory, seen: SeenContainer | undefined): TaskStatus {
  if (memory.ended !== undefined) return memory.ended;
  const { state, at, startError } = memory;
  const base = { state, at, ...(startError === undefined ? {} : { error: startError }) };
  if (seen === undefined) return { ...base, message: memory.message };
  const started = isLive(seen) ? seen.startedAt : undefined;
  return {
    ...base,
    message: state === 'running' && started === undefined ? 'restarting' : memory.message,
    containerId: seen.id,
    imageId: seen.imageId,
    ...(seen.command === undefined ? {} : { command: seen.command }),
    restarts: memory.restartsBefore + seen.restarts,
    ports: seen.ports,
    ...(started === undefined ? {} : { startedAt: started }),
    ...(seen.health === undefined || started === undefined ? {} : { health: seen.health }),
    ...(seen.state === 'paused' ? { paused: true } : {}),
  };
}
