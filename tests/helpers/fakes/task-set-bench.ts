import { aService, aTask, type TaskOptions } from '../../../fixtures/cluster/build.js';
import { deferred, untilAborted } from '../../../manager/common/base/cancellation.js';
import { jsonLogger } from '../../../manager/common/base/log.js';
import type { NodeId, TaskId } from '../../../manager/common/model/ids.js';
import type { TaskStatus } from '../../../manager/common/model/task.js';
import type { AssignedTask, AssignmentSet } from '../../../manager/common/protocol/assignments.js';
import type { ObservedContainer } from '../../../worker/executor/executor.js';
import type { ActionSubject } from '../../../worker/tasks/actions.js';
import type { Adoption } from '../../../worker/tasks/local-state.js';
import type { TaskAction } from '../../../worker/tasks/task-action.js';
import { TaskSet } from '../../../worker/tasks/task-set.js';
import { seen } from '../decisions/task-step.js';
import { FakeContainerCache } from './container-cache.js';
import { keptTasks } from './kept-tasks.js';
import { ManualClock } from './manual-clock.js';
import { settle } from './runner-bench.js';

/** A set of these tasks and nothing else. */
export function assignments(...tasks: readonly AssignedTask[]): AssignmentSet {
  return {
    clusterId: 'c',
    nodeId: 'node-a' as NodeId,
    sequence: 1,
    tasks,
    networks: [],
    endpoints: [],
    projects: [],
    volumes: [],
    files: [],
  };
}

/** Slot 1 of a service on this node. */
export function assigned(
  service: string,
  options: TaskOptions & { readonly container?: Partial<AssignedTask['spec']['container']> } = {},
): AssignedTask {
  const { container, ...rest } = options;
  const engineRestart = { name: 'no' } as const;
  const spec = { task: { container: { engineRestart, ...container } } };
  return aTask(aService(service, spec), 1, { node: 'node-a', ...rest });
}

/** A container of a task, by default running. */
export function containerOf(
  { id, containerName }: Pick<AssignedTask, 'id' | 'containerName'>,
  changes: Partial<ObservedContainer> = {},
): ObservedContainer {
  const { state = 'running', ...rest } = changes;
  return seen(state, { id: `c-${id}`, name: containerName, taskId: id, ...rest });
}

/** A set of tasks over an engine in memory, on which each action has its nominal effect at once. */
export class TaskSetBench {
  readonly clock = new ManualClock();
  readonly cache = new FakeContainerCache();
  /** Actions with the task, or the container, that they concern. */
  readonly actions: string[] = [];
  readonly isolated: string[] = [];
  readonly forgotten: TaskId[] = [];
  /** States as reported, each once in a row. */
  readonly reported: string[] = [];
  readonly logged: string[] = [];
  readonly ended = new Map<TaskId, TaskStatus>();
  readonly adopted = new Map<TaskId, Adoption>();
  /** Actions that last until their signal aborts. */
  readonly held = new Set<TaskAction>();
  /** Handles an isolation instead of noting it down. */
  isolate: (containerId: string, signal: AbortSignal) => Promise<void> = (id) => {
    this.isolated.push(id);
    return Promise.resolve();
  };
  forget: (() => Promise<void>) | undefined;
  readonly #last = new Map<TaskId, string>();
  readonly tasks: TaskSet;

  constructor(before?: (bench: TaskSetBench) => void) {
    before?.(this);
    this.tasks = this.#taskSet();
  }

  async apply(...tasks: readonly AssignedTask[]): Promise<void> {
    this.tasks.apply(assignments(...tasks));
    await settle();
  }

  async set(container: ObservedContainer): Promise<void> {
    this.cache.set(container);
    await settle();
  }

  async delete(containerId: string): Promise<void> {
    this.cache.delete(containerId);
    await settle();
  }

  stateOf({ id }: AssignedTask): string | undefined {
    return this.tasks.find(id)?.status.state;
  }

  #taskSet(): TaskSet {
    const kept = keptTasks(this);
    return new TaskSet({
      containers: this.cache,
      executor: { isolate: (id, signal) => this.isolate(id, signal) },
      actions: { perform: (action, subject, _, signal) => this.#perform(action, subject, signal) },
      kept: { ...kept, forget: (taskId) => this.forget?.() ?? kept.forget(taskId) },
      clock: this.clock,
      log: jsonLogger(
        'info',
        (line) => {
          const { level, message } = JSON.parse(line) as { level: string; message: string };
          this.logged.push(`${level}: ${message}`);
        },
        () => 0,
      ),
      report: ({ taskId, status }) => {
        const text = JSON.stringify(status);
        if (this.#last.get(taskId) === text) return false;
        this.#last.set(taskId, text);
        const line = `${taskId} ${status.state}`;
        if (this.reported.at(-1) !== line) this.reported.push(line);
        return true;
      },
      forgotten: (taskId) => this.forgotten.push(taskId),
    });
  }

  async #perform(
    action: TaskAction,
    { task, seen: container }: ActionSubject,
    signal: AbortSignal,
  ): Promise<void> {
    this.actions.push(`${action} ${task?.id ?? container?.id ?? ''}`);
    if (this.held.has(action)) await untilAborted(deferred<never>().promise, signal);
    if (action === 'create' && task !== undefined)
      this.cache.set(containerOf(task, { state: 'created' }));
    if (container === undefined) return;
    const { startedAt: _startedAt, ...rest } = container;
    if (action === 'start')
      this.cache.set({ ...rest, state: 'running', startedAt: this.clock.now() });
    if (action === 'stop') this.cache.set({ ...rest, state: 'exited', exitCode: 143 });
    if (action === 'remove') this.cache.delete(container.id);
  }
}
