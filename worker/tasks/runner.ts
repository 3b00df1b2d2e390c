import type { Clock } from '../../manager/common/base/clock.js';
import { isAppError, messageOf } from '../../manager/common/base/errors.js';
import type { Logger } from '../../manager/common/base/log.js';
import { ReconcileLoop } from '../../manager/common/base/loop.js';
import type { TaskId } from '../../manager/common/model/ids.js';
import type { TaskState } from '../../manager/common/model/task-state.js';
import type { TaskStatus } from '../../manager/common/model/task.js';
import type { AssignedTask } from '../../manager/common/protocol/assignments.js';
import {
  isLiveContainer,
  type ProgressCallback,
  type ObservedContainer,
} from '../executor/executor.js';
import type { ActionSubject } from './actions.js';
import { attachWait } from './attach-wait.js';
import {
  newLocalState,
  applyObservation,
  advanceState,
  statusOf,
  type Adoption,
  type LocalTaskState,
} from './local-state.js';
import { isUnwanted } from './conflicts.js';
import { nextStep, type ObservedLeader, type StepInput, type TaskStep } from './step.js';
import type { TaskAction } from './task-action.js';

/** Dependencies of a runner, provided by task-set.ts. */
export interface TaskRunnerDependencies {
  readonly clock: Clock;
  readonly log: Logger;
  /** False while the engine is unreachable. */
  engineAnswers(): boolean;
  containerOf(taskId: TaskId): ObservedContainer | undefined;
  leadersOf(task: AssignedTask): readonly ObservedLeader[];
  /** True while a container runs that must be removed before the task is started. */
  isBlocked(task: AssignedTask): boolean;
  perform(
    action: TaskAction,
    subject: ActionSubject,
    progress: ProgressCallback,
    signal: AbortSignal,
  ): Promise<void>;
  report(taskId: TaskId, status: TaskStatus): void;
  /** Persists the end of a task; resolves once it is on disk. */
  rememberEnd(taskId: TaskId, status: TaskStatus): Promise<void>;
  rememberAdoption(taskId: TaskId, adoption: Adoption): Promise<void>;
  /** Called when the task has left the set and nothing of it is left on this node. */
  finished(taskId: TaskId): void;
}

interface Ended {
  readonly state: Extract<TaskState, 'complete' | 'shutdown' | 'failed' | 'rejected'>;
}

/** Reconciles one task with its desired state: observe, choose a step, act, report. */
export class TaskRunner {
  readonly id: TaskId;
  readonly #deps: TaskRunnerDependencies;
  readonly #loop: ReconcileLoop;
  #task: AssignedTask | undefined;
  #memory: LocalTaskState;
  #cancelTimer: () => void = () => undefined;
  #interruptible: AbortController | undefined;
  #turns: Promise<void> = Promise.resolve();

  constructor(
    id: TaskId,
    deps: TaskRunnerDependencies,
    persisted: { readonly ended?: TaskStatus; readonly adopted?: Adoption },
  ) {
    this.id = id;
    this.#deps = deps;
    this.#memory = { ...newLocalState(deps.clock.now(), deps.clock.elapsed()), ...persisted };
    this.#loop = new ReconcileLoop({
      name: `task ${id}`,
      clock: deps.clock,
      log: deps.log,
      reconcile: (signal) => this.#exclusive(() => this.#turn(signal)),
    });
  }

  get task(): AssignedTask | undefined {
    return this.#task;
  }

  get status(): TaskStatus {
    const seen = this.#deps.containerOf(this.id);
    return statusOf(applyObservation(this.#memory, seen, this.#deps.clock.now()), seen);
  }

  get ended(): boolean {
    return this.#memory.ended !== undefined;
  }

  /** Sets the assignment; undefined if the task has left the set. */
  assign(task: AssignedTask | undefined): void {
    this.#task = task;
    if (task === undefined || isUnwanted(task)) this.#interruptible?.abort();
    this.#loop.trigger();
  }

  poke(): void {
    // Reported at once, as a turn may be in a long action.
    this.#observe();
    this.#loop.trigger();
  }

  /** Runs a turn although nothing about this task has changed. */
  wake(): void {
    this.#loop.trigger();
  }

  /**
   * Records a signal sent on behalf of a user: a container that exits because of it is not
   * restarted.
   */
  noteKill(): void {
    this.#memory = { ...this.#memory, killedAt: this.#deps.clock.elapsed() };
  }

  /** Permits the start of a container that waits for a client. */
  noteAttach(): void {
    this.#memory = { ...this.#memory, isAttached: true };
    this.#loop.trigger();
  }

  /**
   * Runs `work` between two turns, so that the runner does not react to what it does to the
   * container.
   */
  async runExclusive(work: () => Promise<void>): Promise<void> {
    try {
      await this.#exclusive(work);
    } finally {
      this.poke();
    }
  }

  async stop(): Promise<void> {
    this.#cancelTimer();
    await this.#loop.stop();
  }

  async #exclusive(work: () => Promise<void>): Promise<void> {
    const before = this.#turns;
    const turn = before.then(work);
    this.#turns = turn.catch(() => undefined);
    await turn;
  }

  #observe(): void {
    if (this.#task === undefined) return;
    const seen = this.#deps.containerOf(this.id);
    this.#memory = applyObservation(this.#memory, seen, this.#deps.clock.now());
    this.#deps.report(this.id, statusOf(this.#memory, seen));
  }

  async #turn(signal: AbortSignal): Promise<void> {
    this.#cancelTimer();
    for (;;) {
      signal.throwIfAborted();
      if (!this.#deps.engineAnswers()) return;
      this.#observe();
      const input = this.#input();
      const step = nextStep(input);
      this.#dropError(step);
      if (step.kind === 'act') {
        await this.#act(step, input, signal);
      } else if (step.kind === 'adopt') {
        await this.#adopt(step);
      } else if (step.kind === 'end') {
        await this.#end(step);
      } else {
        if (step.kind === 'wait') this.#wait(step);
        else if (this.#task === undefined) this.#deps.finished(this.id);
        return;
      }
    }
  }

  #input(): StepInput & ActionSubject {
    const task = this.#task;
    const adoptable = task?.adopts === undefined ? undefined : this.#deps.containerOf(task.adopts);
    const seen = this.#deps.containerOf(this.id);
    const mayStart = task !== undefined && seen !== undefined && !isLiveContainer(seen);
    return {
      task,
      seen,
      memory: this.#memory,
      isBlocked: mayStart && this.#deps.isBlocked(task),
      adoptable,
      leaders: task === undefined ? [] : this.#deps.leadersOf(task),
      now: this.#deps.clock.elapsed(),
    };
  }

  #wait(step: TaskStep & { kind: 'wait' }): void {
    const now = this.#deps.clock.elapsed();
    if (step.for === attachWait)
      this.#memory = { ...this.#memory, attachWaitSince: this.#memory.attachWaitSince ?? now };
    if (step.until === undefined) return;
    this.#cancelTimer = this.#deps.clock.after(step.until - now, () => {
      this.#loop.trigger();
    });
  }

  async #act(
    { action, cause }: TaskStep & { kind: 'act' },
    subject: ActionSubject,
    signal: AbortSignal,
  ): Promise<void> {
    this.#deps.log.debug(`${action}: ${cause}`, { task: this.id });
    this.#before(action, subject.seen);
    const interrupt = new AbortController();
    this.#interruptible = isInterruptible(action) ? interrupt : undefined;
    const aborted = AbortSignal.any([signal, interrupt.signal]);
    const progress = (message: string): void => {
      this.#setMessage(message);
    };
    try {
      await this.#deps.perform(action, subject, progress, aborted);
      this.#after(action);
    } catch (error) {
      // The error is the effect of the interruption, whatever its kind.
      if (aborted.aborted) return;
      await this.#failed(action, error);
    }
  }

  #before(action: TaskAction, seen: ObservedContainer | undefined): void {
    const now = this.#deps.clock.now();
    if (action === 'prepare') {
      this.#memory = advanceState(this.#memory, 'preparing', 'preparing', now);
    } else if (action === 'start') {
      const isRestart = this.#memory.state === 'running';
      const restartsBefore = isRestart
        ? this.#memory.restartsBefore + (seen?.restarts ?? 0) + 1
        : 0;
      this.#memory = advanceState(
        {
          ...this.#memory,
          lastStartAt: this.#deps.clock.elapsed(),
          restartsBefore,
          postStartPending: (this.#task?.spec.container.postStart ?? []).length > 0,
          preStopDone: false,
        },
        'starting',
        'starting',
        now,
      );
    }
    this.#observe();
  }

  #after(action: TaskAction): void {
    if (action === 'prepare') this.#memory = { ...this.#memory, prepared: true };
    if (action === 'after-start') this.#memory = { ...this.#memory, postStartPending: false };
    if (action === 'before-stop') this.#memory = { ...this.#memory, preStopDone: true };
  }

  #setMessage(message: string): void {
    const { retried: _retried, ...memory } = this.#memory;
    this.#memory = { ...memory, message };
    this.#observe();
  }

  /** Drops the error of a retried action once another step follows. */
  #dropError(step: TaskStep): void {
    const { retried, ...memory } = this.#memory;
    if (retried === undefined) return;
    if (step.kind === 'act' && step.action === retried.action) return;
    this.#memory = memory;
    this.#observe();
  }

  async #adopt({ container, cause }: TaskStep & { kind: 'adopt' }): Promise<void> {
    this.#deps.log.debug(`adopt: ${cause}`, { task: this.id });
    const adopted: Adoption = {
      containerId: container.id,
      ...(container.finishedAt === undefined ? {} : { finishedAt: container.finishedAt }),
    };
    await this.#deps.rememberAdoption(this.id, adopted);
    this.#memory = { ...this.#memory, adopted, prepared: true };
  }

  /**
   * Handles a failed action: retries while the engine is unreachable; any other engine error ends
   * the task.
   */
  async #failed(action: TaskAction, error: unknown): Promise<void> {
    const temporary =
      !isAppError(error) ||
      error.kind === 'cancelled' ||
      error.kind === 'unavailable' ||
      error.kind === 'timeout';
    const message = messageOf(error);
    if (action === 'before-stop') {
      // The stop continues; the hook's error is reported with the task's end.
      this.#deps.log.warn(message, { task: this.id });
      this.#memory = { ...this.#memory, preStopDone: true, startError: message };
      return;
    }
    if (temporary || retriedActions.has(action)) {
      if (isAppError(error) && error.kind !== 'cancelled') {
        this.#memory = { ...this.#memory, retried: { action, error: message } };
        this.#observe();
      }
      throw error;
    }
    if (action === 'start' && this.#memory.state === 'running') {
      // The container ran before: its restart policy permits another attempt.
      this.#memory = {
        ...this.#memory,
        startFailures: this.#memory.startFailures + 1,
        startError: message,
      };
      return;
    }
    const started = action === 'start' || action === 'after-start';
    await this.#finish({
      state: started ? 'failed' : 'rejected',
      at: this.#deps.clock.now(),
      message:
        action === 'after-start' ? 'post_start hook failed' : `cannot ${action} the container`,
      error: message,
      errorKind: error.kind,
    });
  }

  async #end(step: TaskStep & { kind: 'end' }): Promise<void> {
    const { kind: _kind, ...outcome } = step;
    const { startedAt } = this.#memory;
    await this.#finish({
      ...outcome,
      at: this.#deps.clock.now(),
      ...(startedAt === undefined ? {} : { startedAt }),
    });
  }

  async #finish(outcome: Omit<TaskStatus, 'containerId' | 'state'> & Ended): Promise<void> {
    const { startedAt: _startedAt, health: _health, paused: _paused, ...last } = this.status;
    const ended: TaskStatus = { ...last, ...outcome };
    await this.#deps.rememberEnd(this.id, ended);
    this.#memory = { ...this.#memory, ended };
    this.#observe();
  }
}

/** Actions that never end the task: they are retried until they succeed. */
const retriedActions: ReadonlySet<TaskAction> = new Set(['connect', 'stop', 'remove']);

/** Stop and remove continue even if the desired state changes. */
function isInterruptible(action: TaskAction): boolean {
  return action !== 'before-stop' && action !== 'stop' && action !== 'remove';
}
