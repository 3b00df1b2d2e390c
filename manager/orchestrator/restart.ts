import type { RestartPolicy } from '../common/model/service.js';
import { wasRefused } from '../store/slots.js';
import type { Attempts, Task } from '../common/model/task.js';

/** What becomes of a slot whose task ended though it was wanted. */
export type RestartVerdict =
  /** Stays as it is: done, or given up. */
  | { readonly kind: 'keep' }
  /** Looked at again at that time. */
  | { readonly kind: 'wait'; readonly until: number; readonly cause: string }
  | {
      readonly kind: 'replace';
      readonly attempts: Attempts;
      /** The new task is made now and started then. */
      readonly notBefore?: number;
      readonly cause: string;
    };

const refusedFirstMs = 1_000;
const refusedMaxMs = 60_000;
const clockToleranceMs = 5_000;

/**
 * What a node refused is tried again for ever, with a growing delay and elsewhere if possible. What ran and
 * ended is the engine's business unless the service has a restart policy of the orchestrator's. Times are
 * the leader's: `updatedAt` is when the end was written.
 */
export function afterEnd(
  task: Task,
  policy: RestartPolicy | undefined,
  now: number,
): RestartVerdict {
  const attempts = task.attempts ?? { refused: 0, restarted: 0 };
  const { state } = task.status;
  if (state === 'orphaned') {
    return { kind: 'replace', attempts, cause: 'its node was removed' };
  }
  // A shutdown that nobody here asked for is treated like a refusal: it must not lead to a busy loop.
  if (wasRefused(task) || state === 'shutdown') return afterRefusal(task, attempts, now);
  return policy === undefined ? { kind: 'keep' } : afterRun(task, policy, { attempts, now });
}

function afterRefusal(task: Task, attempts: Attempts, now: number): RestartVerdict {
  const delayMs = Math.min(refusedMaxMs, refusedFirstMs * 2 ** Math.min(attempts.refused, 30));
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

/** Its end was written before the leader's clock was set back: a delay from then on would last as long. */
function isInFuture({ updatedAt }: Task, now: number): boolean {
  return updatedAt > now + clockToleranceMs;
}

/** A run of the whole window counts as a success, after which attempts are counted anew. */
function ranLongEnough(task: Task, policy: RestartPolicy): boolean {
  const { at, startedAt } = task.status;
  return policy.windowMs > 0 && startedAt !== undefined && at - startedAt >= policy.windowMs;
}
