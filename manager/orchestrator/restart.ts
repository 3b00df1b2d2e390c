import type { RestartPolicy } from '../common/model/service.js';
import { wasRejected } from '../store/slots.js';
import type { Attempts, Task } from '../common/model/task.js';

/** Decision about a slot whose task ended although it is wanted. */
export type RestartVerdict =
  /** The slot stays as it is: complete, or out of attempts. */
  | { readonly kind: 'keep' }
  /** Decide again at `until`, ms since the epoch. */
  | { readonly kind: 'wait'; readonly until: number; readonly cause: string }
  | {
      readonly kind: 'replace';
      readonly attempts: Attempts;
      /** The new task is created now and started at this time, ms since the epoch. */
      readonly notBefore?: number;
      readonly cause: string;
    };

const initialBackoffMs = 1_000;
const maxBackoffMs = 60_000;
const clockToleranceMs = 5_000;

/**
 * Decides about an ended task. Rejected tasks are retried forever with exponential back-off (1 to
 * 60 s), on another node if possible. Tasks that ran and ended are left to the engine's restart
 * policy, unless the service has a `deploy.restart_policy`. Uses the leader's clock: `updatedAt` is
 * when the end was written.
 */
export function decideRestart(
  task: Task,
  policy: RestartPolicy | undefined,
  now: number,
): RestartVerdict {
  const attempts = task.attempts ?? { refused: 0, restarted: 0 };
  const { state } = task.status;
  if (state === 'orphaned') {
    return { kind: 'replace', attempts, cause: 'its node was removed' };
  }
  // An unrequested shutdown backs off like a rejection, to avoid a busy loop.
  if (wasRejected(task) || state === 'shutdown') return afterRefusal(task, attempts, now);
  return policy === undefined ? { kind: 'keep' } : afterRun(task, policy, { attempts, now });
}

function afterRefusal(task: Task, attempts: Attempts, now: number): RestartVerdict {
  const delayMs = Math.min(maxBackoffMs, initialBackoffMs * 2 ** Math.min(attempts.refused, 30));
  const until = task.updatedAt + delayMs;
  const cause = `${task.status.state}: ${task.status.error ?? task.status.message}`;
  if (until > now && !isInFuture(task, now)) return { kind: 'wait', until, cause };
  return { kind: 'replace', attempts: { ...attempts, refused: attempts.refused + 1 }, cause };
}

function afterRun(
  task: Task,
  policy: RestartPolicy,
  { attempts, now }: { readonly attempts: Attempts; readonly now: number },
): RestartVerdict {
  const { state, exitCode } = task.status;
  if (policy.condition === 'none') return { kind: 'keep' };
  if (policy.condition === 'on-failure' && state === 'complete') return { kind: 'keep' };
  const restarted = ranLongEnough(task, policy) ? 0 : attempts.restarted;
  if (policy.maxAttempts > 0 && restarted >= policy.maxAttempts) return { kind: 'keep' };
  return {
    kind: 'replace',
    attempts: { refused: 0, restarted: restarted + 1 },
    ...(policy.delayMs > 0
      ? { notBefore: (isInFuture(task, now) ? now : task.updatedAt) + policy.delayMs }
      : {}),
    cause: `${state}${exitCode === undefined ? '' : `, exit ${exitCode}`}`,
  };
}

/**
 * Whether the leader's clock was set back after the end was written, which would prolong the delay.
 */
function isInFuture({ updatedAt }: Task, now: number): boolean {
  return updatedAt > now + clockToleranceMs;
}

/** Whether the task ran for the whole `window`, which resets the attempts. */
function ranLongEnough(task: Task, policy: RestartPolicy): boolean {
  const { at, startedAt } = task.status;
  return policy.windowMs > 0 && startedAt !== undefined && at - startedAt >= policy.windowMs;
}
