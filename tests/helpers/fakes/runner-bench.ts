import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Deferred } from '../../../manager/common/base/cancellation.js';
import { deferred, untilAborted } from '../../../manager/common/base/cancellation.js';
import { jsonLogger } from '../../../manager/common/base/log.js';
import type { TaskId } from '../../../manager/common/model/ids.js';
import type { TaskStatus } from '../../../manager/common/model/task.js';
import type { AssignedTask } from '../../../manager/common/protocol/assignments.js';
import type { ObservedContainer, ProgressCallback } from '../../../worker/executor/executor.js';
import type { ActionSubject } from '../../../worker/tasks/actions.js';
import type { Adoption } from '../../../worker/tasks/local-state.js';
import { TaskRunner, type TaskRunnerDependencies } from '../../../worker/tasks/runner.js';
import type { ObservedLeader } from '../../../worker/tasks/step.js';
import type { TaskAction } from '../../../worker/tasks/task-action.js';
import { seen, task } from '../decisions/task-step.js';
import { ManualClock } from './manual-clock.js';

/** An action that the runner has begun. */
export interface BegunAction {
  readonly action: TaskAction;
  readonly subject: ActionSubject;
  readonly progress: ProgressCallback;
  readonly signal: AbortSignal;
  /** The end of an action that the bench holds. */
  readonly end: Deferred<void>;
}

/** Lets every callback run that is due now. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await nextTurn();
}

/** One runner over an engine in memory, on which each action has its nominal effect at once. */
export class RunnerBench {
  readonly clock = new ManualClock();
  /** Containers by the task that owns them. */
  readonly containers = new Map<TaskId, ObservedContainer>();
  readonly begun: BegunAction[] = [];
  readonly reports: TaskStatus[] = [];
  readonly warnings: string[] = [];
  readonly ended: TaskStatus[] = [];
  readonly adoptions: Adoption[] = [];
  readonly finished: TaskId[] = [];
  /** Actions that last until the test ends them or their signal aborts. */
  readonly held = new Set<TaskAction>();
  /** Errors of the next calls of an action. */
  readonly failures = new Map<TaskAction, unknown[]>();
  leaders: readonly ObservedLeader[] = [];
  engineAnswers = true;
  isBlocked = false;
  readonly runner: TaskRunner;

  constructor(persisted: ConstructorParameters<typeof TaskRunner>[2] = {}, id = 't1' as TaskId) {
    this.runner = new TaskRunner(id, this.#dependencies(), persisted);
  }

  get actions(): readonly TaskAction[] {
    return this.begun.map(({ action }) => action);
  }

  /** States and messages of the reports, each once in a row. */
  get story(): readonly string[] {
    const lines = this.reports.map(({ state, message }) => `${state}: ${message}`);
    return lines.filter((line, index) => line !== lines[index - 1]);
  }

  get last(): BegunAction {
    const last = this.begun.at(-1);
    if (last === undefined) throw new Error('the runner has begun no action');
    return last;
  }

  async assign(task: AssignedTask | undefined): Promise<void> {
    this.runner.assign(task);
    await settle();
  }

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await settle();
  }

  /** The engine reports a container of the task. */
  async observe(container: ObservedContainer | undefined): Promise<void> {
    if (container === undefined) this.containers.delete(this.runner.id);
    else this.containers.set(this.runner.id, container);
    this.runner.poke();
    await settle();
  }

  #dependencies(): TaskRunnerDependencies {
    return {
      clock: this.clock,
      log: jsonLogger(
        'warn',
        (line) => this.warnings.push((JSON.parse(line) as { readonly message: string }).message),
        () => 0,
      ),
      engineAnswers: () => this.engineAnswers,
      containerOf: (taskId) => this.containers.get(taskId),
      leadersOf: () => this.leaders,
      isBlocked: () => this.isBlocked,
      perform: (action, subject, progress, signal) =>
        this.#perform({ action, subject, progress, signal, end: deferred() }),
      report: (_taskId, status) => this.reports.push(status),
      rememberEnd: (_taskId, status) => {
        this.ended.push(status);
        return Promise.resolve();
      },
      rememberAdoption: (taskId, adoption) => {
        this.adoptions.push(adoption);
        for (const [owner, container] of [...this.containers]) {
          if (container.id !== adoption.containerId) continue;
          this.containers.delete(owner);
          this.containers.set(taskId, container);
        }
        return Promise.resolve();
      },
      finished: (taskId) => {
        this.finished.push(taskId);
        void this.runner.stop();
      },
    };
  }

  async #perform(begun: BegunAction): Promise<void> {
    const { action, signal, end } = begun;
    this.begun.push(begun);
    const failure = this.failures.get(action)?.shift();
    if (failure !== undefined) throw failure as Error;
    if (this.held.has(action)) await untilAborted(end.promise, signal);
    const { id } = this.runner;
    if (action === 'create') this.containers.set(id, seen('created', { taskId: id }));
    if (action === 'start')
      this.containers.set(id, seen('running', { startedAt: this.clock.now() }));
    if (action === 'stop') this.containers.set(id, seen('exited', { exitCode: 143 }));
    if (action === 'remove') this.containers.delete(id);
  }
}

/** A bench whose task runs. */
export async function runningBench(record = task()): Promise<RunnerBench> {
  const bench = new RunnerBench();
  await bench.assign(record);
  return bench;
}
