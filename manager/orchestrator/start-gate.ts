import type { Dependency, Service } from '../common/model/service.js';
import { currentTask, tasksBySlot } from '../store/slots.js';
import type { Task } from '../common/model/task.js';
import { isTerminal } from '../common/model/task-state.js';

/** Whether a service's tasks may start: closed by `--no-start` or by unmet dependencies. */
export interface StartGate {
  readonly open: boolean;
  /** Why waiting will not open it: `dependency db failed: exit 1`. */
  readonly trouble?: string;
}

export interface DependencyState {
  readonly service: Service;
  readonly tasks: readonly Task[];
}

type Verdict =
  | { readonly kind: 'met' }
  | { readonly kind: 'waiting' }
  | { readonly kind: 'failed'; readonly reason: string };

/**
 * Evaluates `depends_on` against the current tasks; every replica of a dependency counts.
 * Dependencies met once are not checked again. `find` returns a service of the same project by its
 * Compose key.
 */
export function evaluateStartGate(
  service: Service,
  find: (key: string) => DependencyState | undefined,
): StartGate {
  if (service.spec.held === true) return { open: false };
  if (service.dependenciesMet) return { open: true };
  const verdicts = service.spec.dependsOn.map((dependency) =>
    judge(dependency, find(dependency.service)),
  );
  const failed = verdicts.find((verdict) => verdict.kind === 'failed');
  if (failed !== undefined) return { open: false, trouble: failed.reason };
  return { open: verdicts.every((verdict) => verdict.kind === 'met') };
}

function judge(dependency: Dependency, state: DependencyState | undefined): Verdict {
  const name = `dependency ${dependency.service}`;
  if (state === undefined || state.service.removing) {
    return orMet(dependency, { kind: 'failed', reason: `${name} does not exist` });
  }
  if (state.service.spec.halted) {
    return orMet(dependency, { kind: 'failed', reason: `${name} is stopped` });
  }
  if (state.service.spec.held === true) {
    return orMet(dependency, { kind: 'failed', reason: `${name} is not started` });
  }
  const verdicts = slotsOf(state).map((task) => judgeTask(dependency, task, state.service));
  const failed = verdicts.find((verdict) => verdict.kind === 'failed');
  if (failed !== undefined) {
    return orMet(dependency, { kind: 'failed', reason: `${name} ${failed.reason}` });
  }
  const met = verdicts.every((verdict) => verdict.kind === 'met');
  return met ? { kind: 'met' } : { kind: 'waiting' };
}

/** `required: false`: a failed dependency counts as met. */
function orMet(dependency: Dependency, verdict: Verdict): Verdict {
  return dependency.required ? verdict : { kind: 'met' };
}

function slotsOf(state: DependencyState): readonly (Task | undefined)[] {
  const slots = tasksBySlot(state.tasks);
  const { mode } = state.service.spec;
  if (mode.kind === 'replicated') {
    return Array.from({ length: mode.replicas }, (_, index) =>
      currentTask(slots.get(index + 1) ?? []),
    );
  }
  // A global service without tasks has not started yet: wait for it.
  const current = [...slots.values()].map((tasks) => currentTask(tasks));
  return current.length === 0 ? [undefined] : current;
}

function judgeTask(dependency: Dependency, task: Task | undefined, service: Service): Verdict {
  if (task?.taskHash !== service.taskHash) return { kind: 'waiting' };
  switch (dependency.condition) {
    case 'service_started':
      return hasStarted(task) ? { kind: 'met' } : { kind: 'waiting' };
    case 'service_healthy':
      return judgeHealth(task, service);
    case 'service_completed_successfully':
      return judgeCompletion(task, service);
  }
}

function judgeHealth(task: Task, service: Service): Verdict {
  const { state, health } = task.status;
  if (hasEndedForGood(task, service)) return { kind: 'failed', reason: endReason(task) };
  if (state !== 'running') return { kind: 'waiting' };
  if (health === undefined) return { kind: 'failed', reason: 'has no health check' };
  if (health === 'unhealthy') return { kind: 'failed', reason: 'is unhealthy' };
  return health === 'healthy' ? { kind: 'met' } : { kind: 'waiting' };
}

function judgeCompletion(task: Task, service: Service): Verdict {
  if (task.status.state === 'complete') return { kind: 'met' };
  return hasEndedForGood(task, service)
    ? { kind: 'failed', reason: endReason(task) }
    : { kind: 'waiting' };
}

function hasStarted(task: Task): boolean {
  const { state, startedAt, exitCode } = task.status;
  if (state === 'running') return true;
  return isTerminal(state) && (startedAt !== undefined || exitCode !== undefined);
}

/** Whether a task ran, ended and is restarted neither by its engine nor by the orchestrator. */
function hasEndedForGood(task: Task, service: Service): boolean {
  const { state } = task.status;
  if (state !== 'complete' && state !== 'failed') return false;
  if (!hasStarted(task)) return false;
  const { restart } = service.spec.task;
  if (restart === undefined || restart.condition === 'none') return true;
  if (restart.condition === 'on-failure' && state === 'complete') return true;
  return restart.maxAttempts > 0 && (task.attempts?.restarted ?? 0) >= restart.maxAttempts;
}

function endReason(task: Task): string {
  const { exitCode, error, message } = task.status;
  if (exitCode !== undefined) return `failed: exit ${exitCode}`;
  return `failed: ${error ?? message}`;
}
