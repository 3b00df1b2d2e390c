import { withDeadline } from '../../manager/common/base/cancellation.js';
import type { Clock } from '../../manager/common/base/clock.js';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import type { Logger } from '../../manager/common/base/log.js';
import type { TaskId } from '../../manager/common/model/ids.js';
import { podLinksOf } from '../../manager/common/model/pod.js';
import type { AssignedTask, AssignmentSet } from '../../manager/common/protocol/assignments.js';
import type { TaskReport } from '../../manager/common/protocol/messages.js';
import {
  isLiveContainer,
  type ContainerCache,
  type ObservedContainer,
  type TaskExecutor,
} from '../executor/executor.js';
import type { TaskActions } from './actions.js';
import type { PersistedTasks } from './persisted-tasks.js';
import { conflictsWith, isSameSlot, isUnwanted } from './conflicts.js';
import { TaskRunner, type TaskRunnerDependencies } from './runner.js';

export interface TaskSetOptions {
  readonly containers: ContainerCache;
  readonly executor: Pick<TaskExecutor, 'isolate'>;
  readonly actions: Pick<TaskActions, 'perform'>;
  readonly kept: Pick<PersistedTasks, 'of' | 'adopterOf' | 'end' | 'adopt' | 'forget'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Reports a status; true if it differs from the last one. */
  readonly report: (report: TaskReport) => boolean;
  readonly forgotten: (taskId: TaskId) => void;
}

const isolateDeadlineMs = 5_000;

/** Holds a runner for each task, and one for each orphaned container of the cluster. */
export class TaskSet {
  readonly #options: TaskSetOptions;
  readonly #runners = new Map<TaskId, TaskRunner>();
  readonly #containers = new Map<TaskId, string>();
  readonly #reportCallbacks = new Set<(taskId: TaskId) => void>();
  readonly #deps: TaskRunnerDependencies;
  #wanted: ReadonlyMap<TaskId, AssignedTask> | undefined;
  #stopped = false;

  constructor(options: TaskSetOptions) {
    this.#options = options;
    this.#deps = this.#dependencies();
    options.containers.onChange((containerId) => {
      this.#containerChanged(containerId);
    });
    options.containers.onSync(() => {
      this.#adoptOrphans();
      for (const runner of this.#runners.values()) runner.poke();
    });
  }

  /**
   * Disconnects containers that are not in a full set from their networks, before anything else, so
   * that nothing reaches a copy that was replaced elsewhere. `apply` then stops and removes them. A
   * task already stopping in `former` stays connected to finish its responses.
   */
  async isolateOrphans(set: AssignmentSet, former: AssignmentSet | undefined): Promise<void> {
    const stopping = new Set<TaskId>(former?.tasks.filter(isUnwanted).map((task) => task.id));
    const wanted = new Set<TaskId>(
      set.tasks.filter((task) => !isUnwanted(task) || stopping.has(task.id)).map((task) => task.id),
    );
    const { containers, executor, log, clock } = this.#options;
    const orphans = [...containers.all()].filter(
      (container) => isLiveContainer(container) && !wanted.has(this.#ownerOf(container)),
    );
    if (orphans.length === 0) return;
    const { signal } = new AbortController();
    const late = (): AppError => new AppError('timeout', 'the engine does not answer');
    const since = clock.elapsed();
    await Promise.all(
      orphans.map(async ({ id, name }) => {
        try {
          await withDeadline({ clock, limitMs: isolateDeadlineMs, signal, late }, (limited) =>
            executor.isolate(id, limited),
          );
        } catch (error) {
          log.warn(`cannot isolate orphaned container ${name}: ${messageOf(error)}`);
        }
      }),
    );
    log.info('orphaned containers disconnected from their networks', {
      count: orphans.length,
      ms: Math.round(clock.elapsed() - since),
    });
  }

  /** Applies the set in the background. */
  apply(set: AssignmentSet): void {
    if (this.#stopped) return;
    this.#wanted = new Map(set.tasks.map((task) => [task.id, task]));
    for (const task of set.tasks) this.#runner(task.id).assign(task);
    for (const runner of this.#runners.values()) {
      if (this.#wanted.has(runner.id)) continue;
      runner.assign(undefined);
      this.#notify(runner.id);
    }
    this.#adoptOrphans();
  }

  /** The current status of every task in the set. */
  reports(): readonly TaskReport[] {
    // Before the first list from the engine, a task whose container was not observed looks new.
    const { hasSynced } = this.#options.containers;
    return [...this.#runners.values()]
      .filter((runner) => runner.task !== undefined && (hasSynced || runner.ended))
      .map((runner) => ({ taskId: runner.id, status: runner.status }));
  }

  /** Local tasks that are not available now. */
  downTasks(): ReadonlySet<TaskId> {
    const down = new Set<TaskId>();
    // Nothing has been observed yet: the manager's view applies.
    if (!this.#options.containers.hasSynced) return down;
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

  /** Returns the runner of a task; throws `not-found` if the task is not on this node. */
  runner(taskId: TaskId): TaskRunner {
    const runner = this.#runners.get(taskId);
    if (runner === undefined) throw new AppError('not-found', `task ${taskId} is not on this node`);
    return runner;
  }

  /** Returns the container of a task; throws `not-found` while it has none. */
  container(taskId: TaskId): ObservedContainer {
    const container = this.#containerOf(taskId);
    if (container !== undefined) return container;
    throw new AppError('not-found', `task ${taskId} has no container on this node`);
  }

  /** Ids of running or paused containers by task id. */
  liveContainers(): ReadonlyMap<TaskId, string> {
    const live = new Map<TaskId, string>();
    for (const { id, task } of this.#runners.values()) {
      const container = task === undefined ? undefined : this.#containerOf(id);
      if (container?.state === 'running' || container?.state === 'paused')
        live.set(id, container.id);
    }
    return live;
  }

  /**
   * Registers a callback for tasks whose status changed or that left the set; returns the
   * unsubscribe function.
   */
  onReport(callback: (taskId: TaskId) => void): () => void {
    this.#reportCallbacks.add(callback);
    return () => this.#reportCallbacks.delete(callback);
  }

  /** The task of another service of the same project in the same slot. */
  leaderTask(task: AssignedTask, service: string): AssignedTask | undefined {
    const candidates = [...(this.#wanted?.values() ?? [])].filter(
      (other) =>
        other.project === task.project &&
        other.service === service &&
        other.slot === task.slot &&
        (other.desired === 'running' || other.desired === 'ready'),
    );
    // An active task takes precedence over an ended one in the same slot.
    return candidates.find((other) => !this.#runner(other.id).ended) ?? candidates[0];
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.#runners.values()].map((runner) => runner.stop()));
  }

  #dependencies(): TaskRunnerDependencies {
    const { containers, actions, kept, clock, log, report } = this.#options;
    return {
      clock,
      log,
      engineAnswers: () => containers.connected,
      containerOf: (taskId) => this.#containerOf(taskId),
      leadersOf: (task) =>
        podLinksOf(task.spec.container).map((tie) => {
          const leader = this.leaderTask(task, tie.service);
          return { tie, seen: leader === undefined ? undefined : this.#containerOf(leader.id) };
        }),
      isBlocked: (task) => this.#isBlocked(task),
      perform: (action, subject, progress, signal) =>
        actions.perform(action, subject, progress, signal),
      report: (taskId, status) => {
        if (!report({ taskId, status })) return;
        this.#wakeDependents(taskId);
        this.#notify(taskId);
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

  #notify(taskId: TaskId): void {
    for (const callback of this.#reportCallbacks) callback(taskId);
  }

  #runner(taskId: TaskId): TaskRunner {
    let runner = this.#runners.get(taskId);
    if (runner === undefined) {
      runner = new TaskRunner(taskId, this.#deps, this.#options.kept.of(taskId));
      this.#runners.set(taskId, runner);
    }
    return runner;
  }

  #containerOf(taskId: TaskId): ObservedContainer | undefined {
    const { containers } = this.#options;
    const adopted = this.#options.kept.of(taskId).adopted?.containerId;
    const known = adopted ?? this.#containers.get(taskId);
    const seen = known === undefined ? undefined : containers.get(known);
    return seen !== undefined && this.#ownerOf(seen) === taskId ? seen : undefined;
  }

  #isBlocked(task: AssignedTask): boolean {
    return [...this.#options.containers.all()].some((container) => {
      const owner = this.#ownerOf(container);
      if (owner === task.id || !isLiveContainer(container)) return false;
      const other = this.#wanted?.get(owner);
      if (other !== undefined && !isUnwanted(other)) return false;
      return conflictsWith(container, task) || (other !== undefined && isSameSlot(other, task));
    });
  }

  #ownerOf(container: ObservedContainer): TaskId {
    return this.#options.kept.adopterOf(container.id) ?? container.taskId;
  }

  #containerChanged(containerId: string): void {
    if (this.#stopped) return;
    const seen = this.#options.containers.get(containerId);
    if (seen === undefined) {
      for (const [taskId, known] of this.#containers) {
        if (known === containerId) this.#runners.get(taskId)?.poke();
      }
      return;
    }
    const owner = this.#ownerOf(seen);
    this.#containers.set(owner, containerId);
    if (!isLiveContainer(seen)) this.#wakeSuccessors(seen);
    const runner = this.#runners.get(owner);
    if (runner !== undefined) runner.poke();
    else if (this.#wanted !== undefined) this.#adoptOrphans();
  }

  /** Creates a runner for each container without an assigned task; its step is then removal. */
  #adoptOrphans(): void {
    if (this.#wanted === undefined || this.#stopped) return;
    for (const container of this.#options.containers.all()) {
      const owner = this.#ownerOf(container);
      this.#containers.set(owner, container.id);
      if (this.#runners.has(owner)) continue;
      this.#runner(owner).assign(undefined);
    }
  }

  #wakeDependents(taskId: TaskId): void {
    const changed = this.#wanted?.get(taskId);
    if (changed === undefined) return;
    for (const runner of this.#runners.values()) {
      const { task } = runner;
      const waits =
        task?.project === changed.project &&
        podLinksOf(task.spec.container).some(({ service }) => service === changed.service);
      const succeeds = task !== undefined && isSameSlot(task, changed);
      if (waits || succeeds || task?.adopts === taskId) runner.wake();
    }
  }

  #wakeSuccessors(ended: ObservedContainer): void {
    for (const runner of this.#runners.values()) {
      const { task } = runner;
      if (task !== undefined && conflictsWith(ended, task)) runner.wake();
    }
  }

  #finished(taskId: TaskId): void {
    const runner = this.#runners.get(taskId);
    if (runner === undefined || runner.task !== undefined) return;
    this.#runners.delete(taskId);
    this.#containers.delete(taskId);
    this.#options.forgotten(taskId);
    // Not awaited: this runs within a turn of the runner's own loop.
    void runner.stop();
    this.#options.kept.forget(taskId).catch((error: unknown) => {
      this.#options.log.warn(messageOf(error));
    });
  }
}
