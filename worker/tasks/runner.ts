import type { Clock } from '../../manager/common/base/clock.js';
import { isAppError, messageOf } from '../../manager/common/base/errors.js';
import type { Logger } from '../../manager/common/base/log.js';
import { ReconcileLoop } from '../../manager/common/base/loop.js';
import type { TaskId } from '../../manager/common/model/ids.js';
import { isTerminal } from '../../manager/common/model/task-state.js';
import type { TaskStatus } from '../../manager/common/model/task.js';
import type { AssignedTask } from '../../manager/common/protocol/assignments.js';
import {
  isLiveContainer,
  type ProgressCallback,
  type ObservedContainer,
} from '../executor/executor.js';
import { attachWait } from './attach-wait.js';
import {
  newLocalState,
  applyObservation,
  advanceState,
  statusOf,
  type Adoption,
  type LocalTaskState,
} from './local-state.js';
import { nextStep, type TaskAction, type ObservedLeader, type TaskStep } from './step.js';

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
    action: Exclude<TaskAction, 'adopt'>,
    subject: {
      readonly task: AssignedTask | undefined;
      readonly seen: ObservedContainer | undefined;
      readonly leaders: readonly ObservedLeader[];
    },
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
    const unwanted = task === undefined || task.desired === 'shutdown' || task.desired === 'remove';
    if (unwanted) this.#interruptible?.abort();
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
    this.#interruptible?.abort();
    await this.#loop.stop();
  }

  async #exclusive(work: () => Promise<void>): Promise<void> {
    const before = this.#turns;
    const turn = before.then(work);
    this.#turns = turn.catch(() => undefined);
    await turn;
  }

  #noteWait(step: TaskStep & { kind: 'wait' }): void {
    if (step.for !== attachWait || this.#memory.attachWaitSince !== undefined) return;
    this.#memory = { ...this.#memory, attachWaitSince: this.#deps.clock.elapsed() };
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
      const step = nextStep(this.#input());
      if (step.kind === 'act') {
        await this.#act(step, signal);
      } else if (step.kind === 'end') {
        await this.#end(step);
      } else {
        if (step.kind === 'wait') this.#noteWait(step);
        if (step.kind === 'wait') this.#wait(step.until);
        else if (this.#task === undefined) this.#deps.finished(this.id);
        return;
      }
    }
  }

  #input(): Parameters<typeof nextStep>[0] {
    const task = this.#task;
    const adoptable = task?.adopts === undefined ? undefined : this.#deps.containerOf(task.adopts);
    const seen = this.#deps.containerOf(this.id);
    const mayStart = task !== undefined && seen !== undefined && !isLiveContainer(seen);
    return {
      task,
      seen,
      memory: this.#memory,
      isBlocked: mayStart && this.#deps.isBlocked(task),
      ...(adoptable === undefined ? {} : { adoptable }),
      leaders: task === undefined ? [] : this.#deps.leadersOf(task),
      now: this.#deps.clock.elapsed(),
    };
  }

  #wait(until: number | undefined): void {
    if (until === undefined) return;
    const delayMs = Math.max(0, until - this.#deps.clock.elapsed());
    this.#cancelTimer = this.#deps.clock.after(delayMs, () => {
      this.#loop.trigger();
    });
  }

  async #act(step: TaskStep & { kind: 'act' }, signal: AbortSignal): Promise<void> {
    const { action, cause } = step;
    this.#deps.log.debug(`${action}: ${cause}`, { task: this.id });
    if (action === 'adopt') {
      await this.#adopt();
      return;
    }
    const seen = this.#deps.containerOf(this.id);
    this.#before(action, seen);
    const interrupt = new AbortController();
    // Stop and remove continue even if the desired state changes.
    if (!this.#isUninterruptible(action)) {
      this.#interruptible = interrupt;
    }
    try {
      const task = this.#task;
      const leaders = task === undefined ? [] : this.#deps.leadersOf(task);
      await this.#deps.perform(
        action,
        { task, seen, leaders },
        (message) => {
          this.#setMessage(message);
        },
        AbortSignal.any([signal, interrupt.signal]),
      );
      this.#after(action);
    } catch (error) {
      if (interrupt.signal.aborted && !signal.aborted) return;
      await this.#failed(action, error);
    } finally {
      this.#interruptible = undefined;
    }
  }

  #isUninterruptible(action: TaskAction): boolean {
    return action === 'before-stop' || action === 'stop' || action === 'remove';
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
          postStartPending: (this.#task?.spec.container.postStart?.length ?? 0) > 0,
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
    this.#memory = { ...this.#memory, message };
    this.#observe();
  }

  async #adopt(): Promise<void> {
    const from = this.#task?.adopts;
    const container = from === undefined ? undefined : this.#deps.containerOf(from);
    if (container === undefined) return;
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
    if (temporary || action === 'stop' || action === 'remove') {
      if (isAppError(error) && error.kind !== 'cancelled') this.#setMessage(message);
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

  async #finish(outcome: Omit<TaskStatus, 'containerId'>): Promise<void> {
    const { startedAt: _startedAt, health: _health, paused: _paused, ...last } = this.status;
    const ended: TaskStatus = { ...last, ...outcome };
    if (!isTerminal(ended.state)) throw new Error(`task ${this.id} cannot end as ${ended.state}`);
    await this.#deps.rememberEnd(this.id, ended);
    this.#memory = { ...this.#memory, state: ended.state, ended };
    this.#observe();
  }
}
