import type { Clock } from '../../manager/common/base/clock.js';
import { isAppError, messageOf } from '../../manager/common/base/errors.js';
import type { Logger } from '../../manager/common/base/log.js';
import { Loop } from '../../manager/common/base/loop.js';
import type { TaskId } from '../../manager/common/model/ids.js';
import { isTerminal } from '../../manager/common/model/task-state.js';
import type { TaskStatus } from '../../manager/common/model/task.js';
import type { AssignedTask } from '../../manager/common/protocol/assignments.js';
import { isLive, type Progress, type SeenContainer } from '../executor/executor.js';
import {
  newMemory,
  observed,
  reached,
  statusOf,
  type Adoption,
  type TaskMemory,
} from './memory.js';
import { nextStep, type Action, type SeenLeader, type Step } from './step.js';

/** What a runner is given to see and act; see task-set.ts. */
export interface RunnerSurroundings {
  readonly clock: Clock;
  readonly log: Logger;
  /** False while the engine does not answer. */
  engineAnswers(): boolean;
  containerOf(taskId: TaskId): SeenContainer | undefined;
  leadersOf(task: AssignedTask): readonly SeenLeader[];
  /** Whether something still runs here that has to go before the task is started. */
  isBlocked(task: AssignedTask): boolean;
  perform(
    action: Exclude<Action, 'adopt'>,
    subject: {
      readonly task: AssignedTask | undefined;
      readonly seen: SeenContainer | undefined;
      readonly leaders: readonly SeenLeader[];
    },
    progress: Progress,
    signal: AbortSignal,
  ): Promise<void>;
  report(taskId: TaskId, status: TaskStatus): void;
  /** Resolves when it is on disk. */
  rememberEnd(taskId: TaskId, status: TaskStatus): Promise<void>;
  rememberAdoption(taskId: TaskId, adoption: Adoption): Promise<void>;
  /** The task has left the set and nothing of it is left here. */
  finished(taskId: TaskId): void;
}

/** Brings one task to where it is wanted: observe, step, act, report. */
export class TaskRunner {
  readonly id: TaskId;
  readonly #around: RunnerSurroundings;
  readonly #loop: Loop;
  #task: AssignedTask | undefined;
  #memory: TaskMemory;
  #cancelTimer: () => void = () => undefined;
  #interruptible: AbortController | undefined;
  #turns: Promise<void> = Promise.resolve();

  constructor(
    id: TaskId,
    around: RunnerSurroundings,
    known: { readonly ended?: TaskStatus; readonly adopted?: Adoption },
  ) {
    this.id = id;
    this.#around = around;
    this.#memory = { ...newMemory(around.clock.now(), around.clock.elapsed()), ...known };
    this.#loop = new Loop({
      name: `task ${id}`,
      clock: around.clock,
      log: around.log,
      turn: (signal) => this.#exclusive(() => this.#turn(signal)),
    });
  }

  get task(): AssignedTask | undefined {
    return this.#task;
  }

  get status(): TaskStatus {
    const seen = this.#around.containerOf(this.id);
    return statusOf(observed(this.#memory, seen, this.#around.clock.now()), seen);
  }

  get ended(): boolean {
    return this.#memory.ended !== undefined;
  }

  /** Undefined: it has left the set. */
  assign(task: AssignedTask | undefined): void {
    this.#task = task;
    const unwanted = task === undefined || task.desired === 'shutdown' || task.desired === 'remove';
    if (unwanted) this.#interruptible?.abort();
    this.#loop.poke();
  }

  poke(): void {
    // Reported at once: a turn may be in the middle of something long.
    this.#observe();
    this.#loop.poke();
  }

  /** Looks again, though nothing of its own has changed. */
  wake(): void {
    this.#loop.poke();
  }

  /** A signal is about to be sent for a user: what ends by it stays ended. */
  noteKill(): void {
    this.#memory = { ...this.#memory, killedAt: this.#around.clock.elapsed() };
  }

  /** Runs `work` between two turns: what happens to the container meanwhile is nobody's concern. */
  async between(work: () => Promise<void>): Promise<void> {
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
    const mine = before.then(work);
    this.#turns = mine.catch(() => undefined);
    await mine;
  }

  #observe(): void {
    if (this.#task === undefined) return;
    const seen = this.#around.containerOf(this.id);
    this.#memory = observed(this.#memory, seen, this.#around.clock.now());
    this.#around.report(this.id, statusOf(this.#memory, seen));
  }

  async #turn(signal: AbortSignal): Promise<void> {
    this.#cancelTimer();
    for (;;) {
      signal.throwIfAborted();
      if (!this.#around.engineAnswers()) return;
      this.#observe();
      const step = nextStep(this.#input());
      if (step.kind === 'act') {
        await this.#act(step, signal);
      } else if (step.kind === 'end') {
        await this.#end(step);
      } else {
        if (step.kind === 'wait') this.#wait(step.until);
        else if (this.#task === undefined) this.#around.finished(this.id);
        return;
      }
    }
  }

  #input(): Parameters<typeof nextStep>[0] {
    const task = this.#task;
    const adoptable =
      task?.adopts === undefined ? undefined : this.#around.containerOf(task.adopts);
    const seen = this.#around.containerOf(this.id);
    const mayStart = task !== undefined && seen !== undefined && !isLive(seen);
    return {
      task,
      seen,
      memory: this.#memory,
      isBlocked: mayStart && this.#around.isBlocked(task),
      ...(adoptable === undefined ? {} : { adoptable }),
      leaders: task === undefined ? [] : this.#around.leadersOf(task),
      now: this.#around.clock.elapsed(),
    };
  }

  #wait(until: number | undefined): void {
    if (until === undefined) return;
    const delayMs = Math.max(0, until - this.#around.clock.elapsed());
    this.#cancelTimer = this.#around.clock.after(delayMs, () => {
      this.#loop.poke();
    });
  }

  async #act(step: Step & { kind: 'act' }, signal: AbortSignal): Promise<void> {
    const { action, cause } = step;
    this.#around.log.debug(`${action}: ${cause}`, { task: this.id });
    if (action === 'adopt') {
      await this.#adopt();
      return;
    }
    const seen = this.#around.containerOf(this.id);
    this.#before(action, seen);
    const interrupt = new AbortController();
    // Stopping and removing go on whatever is wanted next.
    if (!this.#goesOn(action)) {
      this.#interruptible = interrupt;
    }
    try {
      const task = this.#task;
      const leaders = task === undefined ? [] : this.#around.leadersOf(task);
      await this.#around.perform(
        action,
        { task, seen, leaders },
        (message) => {
          this.#say(message);
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

  #goesOn(action: Action): boolean {
    return action === 'before-stop' || action === 'stop' || action === 'remove';
  }

  #before(action: Action, seen: SeenContainer | undefined): void {
    const now = this.#around.clock.now();
    if (action === 'prepare') {
      this.#memory = reached(this.#memory, 'preparing', 'preparing', now);
    } else if (action === 'start') {
      const again = this.#memory.state === 'running';
      const counted = again ? this.#memory.restartsBefore + (seen?.restarts ?? 0) + 1 : 0;
      this.#memory = reached(
        {
          ...this.#memory,
          lastStartAt: this.#around.clock.elapsed(),
          restartsBefore: counted,
          hooksDue: (this.#task?.spec.container.postStart?.length ?? 0) > 0,
          stopHooksDone: false,
        },
        'starting',
        'starting',
        now,
      );
    }
    this.#observe();
  }

  #after(action: Action): void {
    if (action === 'prepare') this.#memory = { ...this.#memory, prepared: true };
    if (action === 'after-start') this.#memory = { ...this.#memory, hooksDue: false };
    if (action === 'before-stop') this.#memory = { ...this.#memory, stopHooksDone: true };
  }

  #say(message: string): void {
    this.#memory = { ...this.#memory, message };
    this.#observe();
  }

  async #adopt(): Promise<void> {
    const from = this.#task?.adopts;
    const container = from === undefined ? undefined : this.#around.containerOf(from);
    if (container === undefined) return;
    const adopted: Adoption = {
      containerId: container.id,
      ...(container.finishedAt === undefined ? {} : { finishedAt: container.finishedAt }),
    };
    await this.#around.rememberAdoption(this.id, adopted);
    this.#memory = { ...this.#memory, adopted, prepared: true };
  }

  /** An engine that does not answer is asked again; its verdict ends the task. */
  async #failed(action: Action, error: unknown): Promise<void> {
    const temporary =
      !isAppError(error) ||
      error.kind === 'cancelled' ||
      error.kind === 'unavailable' ||
      error.kind === 'timeout';
    const message = messageOf(error);
    if (action === 'before-stop') {
      // What is to go goes; why its hook failed is told with its end.
      this.#around.log.warn(message, { task: this.id });
      this.#memory = { ...this.#memory, stopHooksDone: true, startError: message };
      return;
    }
    if (temporary || action === 'stop' || action === 'remove') {
      if (isAppError(error) && error.kind !== 'cancelled') this.#say(message);
      throw error;
    }
    if (action === 'start' && this.#memory.state === 'running') {
      // It did run: the policy that lets it restart lets it try again.
      this.#memory = {
        ...this.#memory,
        startFailures: this.#memory.startFailures + 1,
        startError: message,
      };
      return;
    }
    const started = action === 'start' || action === 'after-start';
    await this.#conclude({
      state: started ? 'failed' : 'rejected',
      at: this.#around.clock.now(),
      message: action === 'after-start' ? 'a hook has failed' : `cannot ${action} the container`,
      error: message,
    });
  }

  async #end(step: Step & { kind: 'end' }): Promise<void> {
    const { kind: _kind, ...outcome } = step;
    const { startedAt } = this.#memory;
    await this.#conclude({
      ...outcome,
      at: this.#around.clock.now(),
      ...(startedAt === undefined ? {} : { startedAt }),
    });
  }

  async #conclude(outcome: Omit<TaskStatus, 'containerId'>): Promise<void> {
    const { startedAt: _startedAt, health: _health, paused: _paused, ...last } = this.status;
    const ended: TaskStatus = { ...last, ...outcome };
    if (!isTerminal(ended.state)) throw new Error(`task ${this.id} cannot end as ${ended.state}`);
    await this.#around.rememberEnd(this.id, ended);
    this.#memory = { ...this.#memory, state: ended.state, ended };
    this.#observe();
  }
}
