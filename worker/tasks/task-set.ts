import type { Clock } from '../../manager/common/base/clock.js';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import type { Logger } from '../../manager/common/base/log.js';
import type { TaskId } from '../../manager/common/model/ids.js';
import { tiesOf } from '../../manager/common/model/pod.js';
import type { AssignedTask, AssignmentSet } from '../../manager/common/protocol/assignments.js';
import type { TaskReport } from '../../manager/common/protocol/messages.js';
import { isLive, type Executor, type SeenContainer } from '../executor/executor.js';
import type { TaskActions } from './actions.js';
import type { KeptState } from './kept-state.js';
import { isInTheWay, isSameSlot, isUnwanted } from './precedence.js';
import { TaskRunner, type RunnerSurroundings } from './runner.js';

export interface TaskSetOptions {
  readonly executor: Pick<Executor, 'containers' | 'isolate'>;
  readonly actions: Pick<TaskActions, 'perform'>;
  readonly kept: Pick<KeptState, 'of' | 'adopterOf' | 'end' | 'adopt' | 'forget'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** True when this is news. */
  readonly report: (report: TaskReport) => boolean;
  readonly forgotten: (taskId: TaskId) => void;
}

const isolateDeadlineMs = 5_000;

/** A runner per task, and one for every container of ours whose task is not wanted here. */
export class TaskSet {
  readonly #options: TaskSetOptions;
  readonly #runners = new Map<TaskId, TaskRunner>();
  readonly #containers = new Map<TaskId, string>();
  readonly #reportCallbacks = new Set<(taskId: TaskId) => void>();
  readonly #around: RunnerSurroundings;
  #wanted: ReadonlyMap<TaskId, AssignedTask> | undefined;
  #stopped = false;

  constructor(options: TaskSetOptions) {
    this.#options = options;
    this.#around = this.#surroundings();
    options.executor.containers.onChange((containerId) => {
      this.#containerChanged(containerId);
    });
    options.executor.containers.onSync(() => {
      this.#adoptStrays();
      for (const runner of this.#runners.values()) runner.poke();
    });
  }

  /**
   * Takes containers that a full set does not want off their networks: first of all, so that nothing
   * reaches a copy that has been replaced elsewhere. They are stopped and removed by `apply`. One that is
   * being stopped since `former` stays joined: it may have answers to finish.
   */
  async isolateStrays(set: AssignmentSet, former: AssignmentSet | undefined): Promise<void> {
    const stopping = new Set<TaskId>(former?.tasks.filter(isUnwanted).map((task) => task.id));
    const wanted = new Set<TaskId>(
      set.tasks.filter((task) => !isUnwanted(task) || stopping.has(task.id)).map((task) => task.id),
    );
    const { executor, log, clock } = this.#options;
    const strays = [...executor.containers.all()].filter(
      (container) => isLive(container) && !wanted.has(this.#ownerOf(container)),
    );
    if (strays.length === 0) return;
    const signal = AbortSignal.timeout(isolateDeadlineMs);
    const since = clock.now();
    await Promise.all(
      strays.map(async (container) => {
        try {
          await executor.isolate(container.id, signal);
        } catch (error) {
          log.warn(`stale container ${container.name}: ${messageOf(error)}`);
        }
      }),
    );
    log.info('stale containers taken off their networks', {
      count: strays.length,
      ms: clock.now() - since,
    });
  }

  /** Makes it so, in the background. */
  apply(set: AssignmentSet): void {
    if (this.#stopped) return;
    this.#wanted = new Map(set.tasks.map((task) => [task.id, task]));
    for (const task of set.tasks) this.#runner(task.id).assign(task);
    for (const runner of this.#runners.values()) {
      if (this.#wanted.has(runner.id)) continue;
      runner.assign(undefined);
      this.#tell(runner.id);
    }
    this.#adoptStrays();
  }

  /** Everything known of every task of the set. */
  reports(): readonly TaskReport[] {
    // Before the engine was listed, a task without a sight of its container only seems to be new.
    const { hasSynced } = this.#options.executor.containers;
    return [...this.#runners.values()]
      .filter((runner) => runner.task !== undefined && (hasSynced || runner.ended))
      .map((runner) => ({ taskId: runner.id, status: runner.status }));
  }

  /** Local tasks that do not answer now. */
  downTasks(): ReadonlySet<TaskId> {
    const down = new Set<TaskId>();
    // Nothing is known yet: what the manager says of them stands.
    if (!this.#options.executor.containers.hasSynced) return down;
    for (const runner of this.#runners.values()) {
      const { state, startedAt, health, paused } = runner.status;
      const up = state === 'running' && startedAt !== undefined && paused !== true;
      if (!up || (health !== undefined && health !== 'healthy')) down.add(runner.id);
    }
    return down;
  }

  find(taskId: TaskId): TaskRunner | undefined {
    return this.#runners.get(taskId);
  }

  /** Throws `not-found` for a task that is not here. */
  runner(taskId: TaskId): TaskRunner {
    const runner = this.#runners.get(taskId);
    if (runner === undefined) throw new AppError('not-found', `task ${taskId} is not on this node`);
    return runner;
  }

  /** Throws `not-found` while the task has no container. */
  container(taskId: TaskId): SeenContainer {
    const container = this.#containerOf(taskId);
    if (container !== undefined) return container;
    throw new AppError('not-found', `task ${taskId} has no container on this node`);
  }

  /** Containers that run now, by the task they are of. */
  liveContainers(): ReadonlyMap<TaskId, string> {
    const live = new Map<TaskId, string>();
    for (const { id, task } of this.#runners.values()) {
      const container = task === undefined ? undefined : this.#containerOf(id);
      if (container?.state === 'running' || container?.state === 'paused')
        live.set(id, container.id);
    }
    return live;
  }

  /** Called with the id of each task whose status changed or that left the set; the result unsubscribes. */
  onReport(callback: (taskId: TaskId) => void): () => void {
    this.#reportCallbacks.add(callback);
    return () => this.#reportCallbacks.delete(callback);
  }

  /** The task in the same slot of another service of its project. */
  leaderTask(task: AssignedTask, service: string): AssignedTask | undefined {
    const candidates = [...(this.#wanted?.values() ?? [])].filter(
      (other) =>
        other.project === task.project &&
        other.service === service &&
        other.slot === task.slot &&
        (other.desired === 'running' || other.desired === 'ready'),
    );
    // Beside an ended one in the same slot, the live one counts.
    return candidates.find((other) => !this.#runner(other.id).ended) ?? candidates[0];
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.#runners.values()].map((runner) => runner.stop()));
  }

  #surroundings(): RunnerSurroundings {
    const { executor, actions, kept, clock, log, report } = this.#options;
    return {
      clock,
      log,
      engineAnswers: () => executor.containers.connected,
      containerOf: (taskId) => this.#containerOf(taskId),
      leadersOf: (task) =>
        tiesOf(task.spec.container).map((tie) => {
          const leader = this.leaderTask(task, tie.service);
          return { tie, seen: leader === undefined ? undefined : this.#containerOf(leader.id) };
        }),
      isBlocked: (task) => this.#isBlocked(task),
      perform: (action, subject, progress, signal) =>
        actions.perform(action, subject, progress, signal),
      report: (taskId, status) => {
        if (!report({ taskId, status })) return;
        this.#wakeThoseWaitingFor(taskId);
        this.#tell(taskId);
      },
      rememberEnd: (taskId, status) => kept.end(taskId, status),
      rememberAdoption: async (taskId, adoption) => {
        await kept.adopt(taskId, adoption);
        this.#containers.set(taskId, adoption.containerId);
      },
      finished: (taskId) => {
        this.#finished(taskId);
      },
    };
  }

  #tell(taskId: TaskId): void {
    for (const callback of this.#reportCallbacks) callback(taskId);
  }

  #runner(taskId: TaskId): TaskRunner {
    let runner = this.#runners.get(taskId);
    if (runner === undefined) {
      runner = new TaskRunner(taskId, this.#around, this.#options.kept.of(taskId));
      this.#runners.set(taskId, runner);
    }
    return runner;
  }

  #containerOf(taskId: TaskId): SeenContainer | undefined {
    const { containers } = this.#options.executor;
    const adopted = this.#options.kept.of(taskId).adopted?.containerId;
    const known = adopted ?? this.#containers.get(taskId);
    const seen = known === undefined ? undefined : containers.get(known);
    return seen !== undefined && this.#ownerOf(seen) === taskId ? seen : undefined;
  }

  #isBlocked(task: AssignedTask): boolean {
    return [...this.#options.executor.containers.all()].some((container) => {
      const owner = this.#ownerOf(container);
      if (owner === task.id || !isLive(container)) return false;
      const other = this.#wanted?.get(owner);
      if (other !== undefined && !isUnwanted(other)) return false;
      return isInTheWay(container, task) || (other !== undefined && isSameSlot(other, task));
    });
  }

  #ownerOf(container: SeenContainer): TaskId {
    return this.#options.kept.adopterOf(container.id) ?? container.taskId;
  }

  #containerChanged(containerId: string): void {
    if (this.#stopped) return;
    const seen = this.#options.executor.containers.get(containerId);
    if (seen === undefined) {
      for (const [taskId, known] of this.#containers) {
        if (known === containerId) this.#runners.get(taskId)?.poke();
      }
      return;
    }
    const owner = this.#ownerOf(seen);
    this.#containers.set(owner, containerId);
    if (!isLive(seen)) this.#wakeSuccessors(seen);
    const runner = this.#runners.get(owner);
    if (runner !== undefined) runner.poke();
    else if (this.#wanted !== undefined) this.#adoptStrays();
  }

  /** Gives every container without a wanted task a runner, whose step is then to remove it. */
  #adoptStrays(): void {
    if (this.#wanted === undefined || this.#stopped) return;
    for (const container of this.#options.executor.containers.all()) {
      const owner = this.#ownerOf(container);
      this.#containers.set(owner, container.id);
      if (this.#runners.has(owner)) continue;
      this.#runner(owner).assign(undefined);
    }
  }

  #wakeThoseWaitingFor(taskId: TaskId): void {
    const changed = this.#wanted?.get(taskId);
    if (changed === undefined) return;
    for (const runner of this.#runners.values()) {
      const { task } = runner;
      const waits =
        task?.project === changed.project &&
        tiesOf(task.spec.container).some(({ service }) => service === changed.service);
      const succeeds = task !== undefined && isSameSlot(task, changed);
      if (waits || succeeds || task?.adopts === taskId) runner.wake();
    }
  }

  #wakeSuccessors(ended: SeenContainer): void {
    for (const runner of this.#runners.values()) {
      const { task } = runner;
      if (task !== undefined && isInTheWay(ended, task)) runner.wake();
    }
  }

  #finished(taskId: TaskId): void {
    const runner = this.#runners.get(taskId);
    if (runner === undefined || runner.task !== undefined) return;
    this.#runners.delete(taskId);
    this.#containers.delete(taskId);
    this.#options.forgotten(taskId);
    // Not awaited: this is called from within a turn of the runner's own loop.
    void runner.stop();
    this.#options.kept.forget(taskId).catch((error: unknown) => {
      this.#options.log.warn(messageOf(error));
    });
  }
}
