import { backoffMs } from '../../manager/common/base/backoff.js';
import type { EngineRestart } from '../../manager/common/model/container.js';
import { needsLive, type Tie } from '../../manager/common/model/pod.js';
import type { TaskState } from '../../manager/common/model/task-state.js';
import type { AssignedTask } from '../../manager/common/protocol/assignments.js';
import { isLive, type SeenContainer } from '../executor/executor.js';
import type { TaskMemory } from './memory.js';

/** What is done to a task's container, one at a time. */
export type Action =
  | 'prepare'
  | 'create'
  | 'adopt'
  | 'start'
  /** Hooks of the user's. */
  | 'after-start'
  | 'before-stop'
  | 'stop'
  | 'remove';

export type Step =
  | { readonly kind: 'act'; readonly action: Action; readonly cause: string }
  /** Nothing until something changes, or until this time. */
  | { readonly kind: 'wait'; readonly for: string; readonly until?: number }
  /** The task is over. */
  | {
      readonly kind: 'end';
      readonly state: Extract<TaskState, 'complete' | 'shutdown' | 'failed'>;
      readonly message: string;
      readonly exitCode?: number;
      readonly error?: string;
    }
  | { readonly kind: 'done'; readonly cause: string };

export interface StepInput {
  /** Undefined when it has left the assignment set. */
  readonly task: AssignedTask | undefined;
  readonly seen: SeenContainer | undefined;
  readonly memory: TaskMemory;
  /** Container of the task to take over, as long as it is there. */
  readonly adoptable?: SeenContainer;
  /** What it is tied to. */
  readonly leaders?: readonly SeenLeader[];
  /** What has to go first still runs here: it filled the slot before, or has a host port of its. */
  readonly isBlocked?: boolean;
  /** On the clock that never jumps, as are the times of the memory. */
  readonly now: number;
}

/** A container that something is to be shared with; undefined while it is not there. */
export interface SeenLeader {
  readonly tie: Tie;
  readonly seen: SeenContainer | undefined;
}

const defaultGraceMs = 10_000;

/** How long its container has to end by itself once it is told to: what a user said goes before its spec. */
export function stopGraceMs(task: AssignedTask | undefined): number {
  return task?.stopTimeoutMs ?? task?.spec.container.stopGraceMs ?? defaultGraceMs;
}

/** A container that ends this soon after a signal sent for a user was ended by it. */
const killWindowMs = 10_000;

/**
 * The next thing to do for one task, from what is wanted, seen and remembered alone. Acting on it and
 * asking again ends in `wait` or `done`.
 */
export function nextStep(input: StepInput): Step {
  const { task, seen, memory } = input;
  if (task === undefined || task.desired === 'remove') return removal(input);
  if (memory.ended !== undefined) {
    if (seen === undefined || !isLive(seen)) return { kind: 'done', cause: 'task has ended' };
    return act('stop', 'runs although its task has ended');
  }
  if (task.desired === 'shutdown') {
    if (seen !== undefined && isLive(seen)) return stop(input, seen, 'to be shut down');
    return { kind: 'end', state: 'shutdown', message: 'shut down', ...exitOf(seen) };
  }
  return seen === undefined ? creation(input, task) : progress(input, task, seen);
}

function stop({ task, memory }: StepInput, seen: SeenContainer, cause: string): Step {
  const hooks = task?.spec.container.preStop ?? [];
  // Of what was never up, nothing is to be put in order.
  const due = hooks.length > 0 && seen.state === 'running' && memory.hooksDue !== true;
  if (due && memory.stopHooksDone !== true) return act('before-stop', cause);
  return act('stop', cause);
}

function removal(input: StepInput): Step {
  const { task, seen, memory } = input;
  if (seen === undefined) {
    if (task !== undefined && memory.ended === undefined) {
      return { kind: 'end', state: 'shutdown', message: 'removed' };
    }
    return { kind: 'done', cause: 'nothing left' };
  }
  if (isLive(seen)) return stop(input, seen, 'no longer wanted here');
  if (seen.state === 'removing') return { kind: 'wait', for: 'the engine removing it' };
  return act('remove', 'no longer wanted here');
}

function creation(input: StepInput, task: AssignedTask): Step {
  const { memory, adoptable, leaders = [] } = input;
  const wasThere = memory.prepared && memory.state !== 'preparing' && memory.state !== 'accepted';
  if (wasThere && !engineKeeps(task.spec.container.engineRestart)) {
    return {
      kind: 'end',
      state: 'failed',
      message: 'container has gone',
      error: 'the container was removed on its node',
    };
  }
  if (adoptable !== undefined) {
    if (isLive(adoptable)) return { kind: 'wait', for: 'the former task to end' };
    return act('adopt', `takes over the container of ${String(task.adopts)}`);
  }
  if (!memory.prepared) return act('prepare', 'image, volumes and networks');
  const absent = leaders.find(({ seen }) => seen === undefined);
  if (absent !== undefined) {
    return { kind: 'wait', for: `container of service ${absent.tie.service}` };
  }
  return act('create', 'has no container');
}

function progress(input: StepInput, task: AssignedTask, seen: SeenContainer): Step {
  switch (seen.state) {
    case 'running':
      if (input.memory.hooksDue === true) return act('after-start', 'it has hooks');
      return { kind: 'wait', for: 'the container to end' };
    case 'paused':
      return { kind: 'wait', for: 'the container to end' };
    case 'restarting':
      return { kind: 'wait', for: 'the engine to restart it' };
    case 'removing':
      return { kind: 'wait', for: 'the engine removing it' };
    case 'dead':
      return act('remove', 'the engine could not remove it whole');
    case 'created':
      return start(input, task, 'created');
    case 'exited':
      return afterExit(input, task, seen);
  }
}

function afterExit(input: StepInput, task: AssignedTask, seen: SeenContainer): Step {
  const { memory } = input;
  const { adopted } = memory;
  if (adopted !== undefined && adopted.finishedAt === seen.finishedAt) {
    return start(input, task, 'taken over');
  }
  if (startsAgain(input, task, seen)) return start(input, task, 'ended, and is to go on');
  if (seen.exitCode === 0 && seen.error === undefined) {
    return { kind: 'end', state: 'complete', message: 'exited (0)', exitCode: 0 };
  }
  const code = String(seen.exitCode ?? 'unknown');
  return { kind: 'end', state: 'failed', message: `exited (${code})`, ...exitOf(seen) };
}

/** By the engine's restart policy, where the engine itself has not: it was stopped or killed by hand. */
function startsAgain({ memory, now }: StepInput, task: AssignedTask, seen: SeenContainer): boolean {
  const { killedAt } = memory;
  if (killedAt !== undefined && now - killedAt < killWindowMs) return false;
  if (task.desired !== 'running') return false;
  const { name, maxRetries } = task.spec.container.engineRestart;
  if (name === 'always' || name === 'unless-stopped') return true;
  if (name !== 'on-failure' || seen.exitCode === 0) return false;
  return maxRetries === undefined || maxRetries === 0 || seen.restarts < maxRetries;
}

function engineKeeps({ name }: EngineRestart): boolean {
  return name === 'always' || name === 'unless-stopped';
}

function start(input: StepInput, task: AssignedTask, cause: string): Step {
  const { memory, now, leaders } = input;
  if (task.desired === 'ready') return { kind: 'wait', for: 'the order to start' };
  const due = memory.heardAt + (task.startDelayMs ?? 0);
  if (now < due) return { kind: 'wait', for: 'its time', until: due };
  // On a node that comes back its engine has started it again: two must not work on the same data.
  if (input.isBlocked === true) return { kind: 'wait', for: 'a former container to end' };
  const dead = leaders?.find(
    ({ tie, seen }) => needsLive(tie) && (seen === undefined || !isLive(seen)),
  );
  if (dead !== undefined) return { kind: 'wait', for: `service ${dead.tie.service} to run` };
  const rested = restUntil(memory);
  if (rested > now) return { kind: 'wait', for: 'the pause between starts', until: rested };
  return act('start', cause);
}

/** A container that is stopped by hand starts again at once, but not ten times a second. */
function restUntil(memory: TaskMemory): number {
  if (memory.lastStartAt === undefined) return 0;
  const failures = memory.startFailures;
  const wait = failures === 0 ? 1_000 : backoffMs({ firstMs: 1_000, maxMs: 30_000 }, failures, 1);
  return memory.lastStartAt + wait;
}

function exitOf(seen: SeenContainer | undefined): {
  readonly exitCode?: number;
  readonly error?: string;
} {
  return {
    ...(seen?.exitCode === undefined ? {} : { exitCode: seen.exitCode }),
    ...(seen?.error === undefined ? {} : { error: seen.error }),
  };
}

function act(action: Action, cause: string): Step {
  return { kind: 'act', action, cause };
}
