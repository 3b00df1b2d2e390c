import { backoffMs } from '../../manager/common/base/backoff.js';
import type { EngineRestart } from '../../manager/common/model/container.js';
import { defaultStopGraceMs } from '../../manager/common/model/container.js';
import { needsRunningLeader, type PodLink } from '../../manager/common/model/pod.js';
import type { TaskState } from '../../manager/common/model/task-state.js';
import type { AssignedTask } from '../../manager/common/protocol/assignments.js';
import { isLiveContainer, type ObservedContainer } from '../executor/executor.js';
import { attachDeadline, attachLimitMs, attachWait } from './attach-wait.js';
import type { LocalTaskState } from './local-state.js';
import type { TaskAction } from './task-action.js';

export type TaskStep =
  | { readonly kind: 'act'; readonly action: TaskAction; readonly cause: string }
  /** Takes over the container of a former task. */
  | { readonly kind: 'adopt'; readonly container: ObservedContainer; readonly cause: string }
  /** Waits for a change, or until this time. */
  | { readonly kind: 'wait'; readonly for: string; readonly until?: number }
  /** Ends the task. */
  | {
      readonly kind: 'end';
      readonly state: Extract<TaskState, 'complete' | 'shutdown' | 'failed'>;
      readonly message: string;
      readonly exitCode?: number;
      readonly error?: string;
    }
  | { readonly kind: 'done'; readonly cause: string };

export interface StepInput {
  /** Undefined if the task has left the assignment set. */
  readonly task: AssignedTask | undefined;
  readonly seen: ObservedContainer | undefined;
  readonly memory: LocalTaskState;
  /** Container to adopt, as long as it exists. */
  readonly adoptable?: ObservedContainer | undefined;
  /** Containers of the services whose namespaces or volumes it shares. */
  readonly leaders?: readonly ObservedLeader[];
  /**
   * True while a container that must be removed first is still running: one from the same slot or
   * with a host port that the task needs.
   */
  readonly isBlocked?: boolean;
  /** Monotonic time in ms, like the times in `memory`. */
  readonly now: number;
}

/** A container to share with; undefined while it does not exist. */
export interface ObservedLeader {
  readonly tie: PodLink;
  readonly seen: ObservedContainer | undefined;
}

/** Grace period of a stop in ms: a user's timeout takes precedence over the spec. */
export function stopGraceMs(task: AssignedTask | undefined): number {
  return task?.stopTimeoutMs ?? task?.spec.container.stopGraceMs ?? defaultStopGraceMs;
}

/** A container that exits within this time after a user's signal was ended by that signal. */
const killWindowMs = 10_000;

/**
 * Decides the next step of one task from desired, observed and local state only. Repeated execution
 * of the steps ends in `wait` or `done`.
 */
export function nextStep(input: StepInput): TaskStep {
  const { task, seen, memory } = input;
  if (task === undefined || task.desired === 'remove') return removal(input);
  if (memory.ended !== undefined) {
    if (seen === undefined || !isLiveContainer(seen))
      return { kind: 'done', cause: 'task has ended' };
    return act('stop', 'container runs although its task has ended');
  }
  if (task.desired === 'shutdown') {
    if (seen !== undefined && isLiveContainer(seen))
      return stop(input, seen, 'desired state is shutdown');
    return { kind: 'end', state: 'shutdown', message: 'shut down', ...exitOf(seen) };
  }
  return seen === undefined ? creation(input, task) : progress(input, task, seen);
}

function stop({ task, memory }: StepInput, seen: ObservedContainer, cause: string): TaskStep {
  const hooks = task?.spec.container.preStop ?? [];
  // Skip pre-stop hooks if the container is not running or its post_start hooks have not finished.
  const due = hooks.length > 0 && seen.state === 'running' && memory.postStartPending !== true;
  if (due && memory.preStopDone !== true) return act('before-stop', cause);
  return act('stop', cause);
}

function removal(input: StepInput): TaskStep {
  const { task, seen, memory } = input;
  if (seen === undefined) {
    if (task !== undefined && memory.ended === undefined) {
      return { kind: 'end', state: 'shutdown', message: 'removed' };
    }
    return { kind: 'done', cause: 'nothing left' };
  }
  if (isLiveContainer(seen)) return stop(input, seen, 'no longer assigned to this node');
  if (seen.state === 'removing') return { kind: 'wait', for: 'the engine to remove the container' };
  return act('remove', 'no longer assigned to this node');
}

function creation(input: StepInput, task: AssignedTask): TaskStep {
  const { memory, adoptable, leaders = [] } = input;
  const wasCreated = memory.prepared && memory.state !== 'preparing' && memory.state !== 'accepted';
  if (wasCreated && !engineKeepsRunning(task.spec.container.engineRestart)) {
    return {
      kind: 'end',
      state: 'failed',
      message: 'container was removed',
      error: 'container was removed on its node outside of Shoal',
    };
  }
  if (adoptable !== undefined) {
    if (isLiveContainer(adoptable)) return { kind: 'wait', for: 'the previous task to end' };
    const cause = `adopts the container of ${String(task.adopts)}`;
    return { kind: 'adopt', container: adoptable, cause };
  }
  if (!memory.prepared) return act('prepare', 'image, volumes and networks');
  const absent = leaders.find(({ seen }) => seen === undefined);
  if (absent !== undefined) {
    return { kind: 'wait', for: `container of service ${absent.tie.service}` };
  }
  return act('create', 'container does not exist');
}

function progress(input: StepInput, task: AssignedTask, seen: ObservedContainer): TaskStep {
  switch (seen.state) {
    case 'running':
      if (changesNetworks(task, seen)) return act('connect', 'its networks were changed');
      if (input.memory.postStartPending === true)
        return act('after-start', 'post_start hooks are pending');
      return { kind: 'wait', for: 'the container to end' };
    case 'paused':
      if (changesNetworks(task, seen)) return act('connect', 'its networks were changed');
      return { kind: 'wait', for: 'the container to end' };
    case 'restarting':
      return { kind: 'wait', for: 'the engine to restart the container' };
    case 'removing':
      return { kind: 'wait', for: 'the engine to remove the container' };
    case 'dead':
      return act('remove', 'container is dead: its removal by the engine failed');
    case 'created':
      if (changesNetworks(task, seen)) return act('connect', 'its networks were changed');
      return start(input, task, 'created');
    case 'exited':
      return afterExit(input, task, seen);
  }
}

/** Whether a client's container must join or leave a network; others are replaced instead. */
function changesNetworks({ spec, attachments }: AssignedTask, seen: ObservedContainer): boolean {
  const { origin, networkMode } = spec.container;
  if (origin === undefined || networkMode.kind !== 'networks') return false;
  const present = new Set(Object.values(seen.addresses));
  return (
    present.size !== attachments.length || attachments.some(({ address }) => !present.has(address))
  );
}

function afterExit(input: StepInput, task: AssignedTask, seen: ObservedContainer): TaskStep {
  const { memory } = input;
  const { adopted } = memory;
  if (adopted !== undefined && adopted.finishedAt === seen.finishedAt) {
    return start(input, task, 'adopted');
  }
  if (startsAgain(input, task, seen)) return start(input, task, 'exited, restart policy applies');
  if (seen.exitCode === 0 && seen.error === undefined) {
    return { kind: 'end', state: 'complete', message: 'exited (0)', exitCode: 0 };
  }
  const code = String(seen.exitCode ?? 'unknown');
  return { kind: 'end', state: 'failed', message: `exited (${code})`, ...exitOf(seen) };
}

/** Applies the engine's restart policy where the engine does not: after a manual stop or kill. */
function startsAgain(
  { memory, now }: StepInput,
  task: AssignedTask,
  seen: ObservedContainer,
): boolean {
  const { killedAt } = memory;
  if (killedAt !== undefined && now - killedAt < killWindowMs) return false;
  if (task.desired !== 'running') return false;
  const { name, maxRetries } = task.spec.container.engineRestart;
  if (name === 'always' || name === 'unless-stopped') return true;
  if (name !== 'on-failure' || seen.exitCode === 0) return false;
  return maxRetries === undefined || maxRetries === 0 || seen.restarts < maxRetries;
}

function engineKeepsRunning({ name }: EngineRestart): boolean {
  return name === 'always' || name === 'unless-stopped';
}

function start(input: StepInput, task: AssignedTask, cause: string): TaskStep {
  const { memory, now, leaders } = input;
  if (task.desired === 'ready') return { kind: 'wait', for: 'desired state running' };
  const attachEnd = attachDeadline(memory, task, now);
  if (attachEnd !== undefined && now >= attachEnd) {
    const error = `no client attached within ${attachLimitMs / 1000} s; run the command again`;
    return { kind: 'end', state: 'failed', message: 'not started', error };
  }
  if (attachEnd !== undefined) return { kind: 'wait', for: attachWait, until: attachEnd };
  const due = memory.receivedAt + (task.startDelayMs ?? 0);
  if (now < due) return { kind: 'wait', for: 'the start delay', until: due };
  // The engine of a returning node restarts former containers: two containers must not use the same
  // data.
  if (input.isBlocked === true) return { kind: 'wait', for: 'a previous container to end' };
  const dead = leaders?.find(
    ({ tie, seen }) => needsRunningLeader(tie) && (seen === undefined || !isLiveContainer(seen)),
  );
  if (dead !== undefined) return { kind: 'wait', for: `service ${dead.tie.service} to run` };
  const backoffEnd = restartBackoffEnd(memory);
  if (backoffEnd > now) return { kind: 'wait', for: 'the restart back-off', until: backoffEnd };
  return act('start', cause);
}

/**
 * Earliest time of the next start: a manually stopped container restarts after a second, failed
 * starts back off.
 */
function restartBackoffEnd({ lastStartAt = -Infinity, startFailures }: LocalTaskState): number {
  return lastStartAt + backoffMs({ firstMs: 1_000, maxMs: 30_000 }, startFailures, 1);
}

function exitOf(seen: ObservedContainer | undefined): {
  readonly exitCode?: number;
  readonly error?: string;
} {
  return {
    ...(seen?.exitCode === undefined ? {} : { exitCode: seen.exitCode }),
    ...(seen?.error === undefined ? {} : { error: seen.error }),
  };
}

function act(action: TaskAction, cause: string): TaskStep {
  return { kind: 'act', action, cause };
}
