import type { Clock } from '../common/base/clock.js';
import type { Logger } from '../common/base/log.js';
import type { NewId } from '../common/base/random.js';
import type { TaskId } from '../common/model/ids.js';
import type { Service } from '../common/model/service.js';
import type { Task } from '../common/model/task.js';
import { isTerminal } from '../common/model/task-state.js';
import { writeTaskChanges } from '../orchestrator/apply.js';
import type { TaskChange } from '../orchestrator/task-change.js';
import { readServiceSnapshot, nodesById } from '../orchestrator/read-snapshot.js';
import { reconcile } from '../orchestrator/reconcile.js';
import type { PlannedStep } from '../common/protocol/project-calls.js';
import type { PlacementDecision } from '../scheduler/decide.js';
import { decide } from '../scheduler/decide.js';
import { sameExplanation } from '../scheduler/explain.js';
import type { Strategy } from '../scheduler/input.js';
import type { StoreBackend } from '../store/backend.js';
import { openStore } from '../store/open-store.js';
import type { ClusterStore, StoreChange, StoreView, Transaction } from '../store/store.js';
import { stateTables } from '../store/table-definitions.js';

/** Maximum number of rounds; a plan that has not settled by then is returned incomplete. */
const maxRounds = 500;

export interface PreviewOptions {
  readonly view: StoreView;
  readonly now: number;
  readonly newId: NewId;
  readonly log: Logger;
  readonly strategy: Strategy;
}

/**
 * Dry run of a change. Applies it to a copy of the state, runs the cluster's own pure decisions on
 * the given project and simulates nodes that carry out every assignment at once. Without a project,
 * simulates the projects that the change affects. Resolves with the result of the change, the
 * changed objects and the planned steps; the cluster is not modified.
 */
export async function preview<Result>(
  options: PreviewOptions,
  project: string | undefined,
  change: (tx: Transaction) => Result,
): Promise<{
  readonly result: Result;
  readonly changes: readonly StoreChange[];
  readonly steps: readonly PlannedStep[];
}> {
  const clock = new ManualClock(options.now);
  const store = await openStore({ backend: copyOf(options.view), clock, log: options.log });
  const changes: StoreChange[] = [];
  const unwatch = store.watch((commit) => changes.push(...commit.changes));
  const result = await store.update('control', change);
  unwatch();
  const simulation = new Simulation(store, options, affectedProjects(project, changes));
  simulation.recordRemovals(changes);
  for (let round = 0; round < maxRounds && !simulation.isEmpty; round += 1) {
    if (await simulation.round()) continue;
    if (simulation.waitsUntil === undefined) break;
    clock.time = Math.max(clock.time + 1, simulation.waitsUntil);
  }
  await store.close();
  return { result, changes, steps: simulation.steps };
}

type ProjectScope = ReadonlySet<string> | 'all';

/** The given project, or those of the changed services and tasks; `all` if a node is changed. */
function affectedProjects(
  project: string | undefined,
  changes: readonly StoreChange[],
): ProjectScope {
  if (project !== undefined) return new Set([project]);
  if (changes.some(({ table }) => table === 'nodes')) return 'all';
  return new Set(
    changes.flatMap((change) => {
      if (change.table === 'services') return (change.after ?? change.before)?.spec.project ?? [];
      if (change.table === 'tasks') return (change.after ?? change.before)?.project ?? [];
      return [];
    }),
  );
}

/** A clock that is advanced by hand, so that update delays take no real time. */
class ManualClock implements Clock {
  time: number;

  constructor(time: number) {
    this.time = time;
  }

  now(): number {
    return this.time;
  }

  elapsed(): number {
    return this.time;
  }

  after(): () => void {
    return () => undefined;
  }
}

function copyOf(view: StoreView): StoreBackend {
  return {
    name: 'preview',
    load: () =>
      Promise.resolve(
        stateTables.flatMap((table) => view.list(table).map((value) => ({ table, value }))),
      ),
    commit: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

class Simulation {
  readonly steps: PlannedStep[] = [];
  waitsUntil: number | undefined;
  readonly #store: ClusterStore;
  readonly #options: PreviewOptions;
  readonly #projects: ProjectScope;
  readonly #recorded = new Map<TaskId, PlannedStep>();

  constructor(store: ClusterStore, options: PreviewOptions, projects: ProjectScope) {
    this.#store = store;
    this.#options = options;
    this.#projects = projects;
  }

  /** Whether no project can change. */
  get isEmpty(): boolean {
    return this.#projects !== 'all' && this.#projects.size === 0;
  }

  /** Runs one turn of every control loop and node; resolves false if nothing changed. */
  async round(): Promise<boolean> {
    const decided = await this.#store.update('orchestrator', (tx) => this.#orchestrate(tx));
    await this.#store.update('allocator', (tx) => {
      for (const task of this.#tasks(tx))
        if (task.status.state === 'new') move(tx, task, 'pending');
    });
    const placed = await this.#store.update('scheduler', (tx) => this.#place(tx));
    const worked = await this.#store.update('dispatcher', (tx) => this.#simulateWorkers(tx));
    return decided || placed || worked;
  }

  /** Records the tasks that the change itself removes. */
  recordRemovals(changes: readonly StoreChange[]): void {
    for (const { table, before, after } of changes) {
      if (table !== 'tasks' || after === undefined || before === undefined) continue;
      if (after.desired !== 'remove' || before.desired === 'remove') continue;
      this.#record(this.#store.view, after, 'remove', 'requested');
    }
  }

  #services(view: StoreView): readonly Service[] {
    return this.#projects === 'all'
      ? view.list('services')
      : [...this.#projects].flatMap((project) => view.servicesOfProject(project));
  }

  #tasks(view: StoreView): readonly Task[] {
    return this.#services(view).flatMap(({ id }) => view.tasksOfService(id));
  }

  #orchestrate(tx: Transaction): boolean {
    const context = { nodes: nodesById(tx), now: tx.now };
    const waits: number[] = [];
    let changed = false;
    for (const { id, removing } of this.#services(tx)) {
      const snapshot = readServiceSnapshot(tx, id, context);
      const changes = snapshot === undefined ? [] : reconcile(snapshot);
      for (const change of changes) {
        if (change.kind === 'wait') waits.push(change.until);
        else changed = true;
        this.#recordEnd(tx, change, removing);
      }
      writeTaskChanges(tx, id, changes, this.#options.newId);
    }
    this.waitsUntil = waits.length === 0 ? undefined : Math.min(...waits);
    return changed;
  }

  /** Records that a task's container is stopped or, with its service, removed. */
  #recordEnd(view: StoreView, change: TaskChange, removing: boolean): void {
    if (change.kind !== 'desire' && change.kind !== 'delete') return;
    const task = view.get('tasks', change.taskId);
    if (task === undefined) return;
    if (removing) this.#record(view, task, 'remove', change.cause);
    else if (isStop(change) && !isTerminal(task.status.state))
      this.#record(view, task, 'stop', change.cause);
  }

  /** Records one step per container and action; ended tasks of a slot may share a container name. */
  #record(view: StoreView, task: Task, action: PlannedStep['action'], cause: string): void {
    const { containerName: container } = task;
    if (this.steps.some((step) => step.action === action && step.container === container)) return;
    this.steps.push({ action, container, node: nodeName(view, task), cause });
  }

  #place(tx: Transaction): boolean {
    const { strategy } = this.#options;
    const decisions = decide({
      ...{ nodes: tx.list('nodes'), placement: tx.placement },
      volumeByName: (name) => tx.volumeByName(name),
      tasksOfNode: (id) => tx.tasksOfNode(id),
      ...{ now: tx.now, strategy, seed: tx.index },
    });
    let changed = false;
    for (const decision of decisions) {
      const task = tx.get('tasks', decision.taskId);
      if (task === undefined || !this.#isShown(task)) continue;
      if (decision.kind === 'place') {
        assign(tx, task, decision);
        changed = true;
      } else if (!sameExplanation(task.explanation, decision.explanation)) {
        // The orchestrator reads why a task has no node.
        tx.put('tasks', { ...task, explanation: { ...decision.explanation, at: tx.now } });
        changed = true;
      }
      const node = decision.kind === 'place' ? decision.nodeName : '';
      this.#recordStart(task, node, decision.explanation.summary);
    }
    for (const task of this.#tasks(tx)) {
      if (task.overQuota === true) this.#recordStart(task, '', task.explanation?.summary ?? '');
    }
    return changed;
  }

  #isShown({ project }: Task): boolean {
    return this.#projects === 'all' || this.#projects.has(project);
  }

  /** Records one step per task: its placement, or the reason why it has none. */
  #recordStart(task: Task, node: string, placement: string): void {
    const before = this.#recorded.get(task.id);
    if (before !== undefined && node === '') return;
    if (before !== undefined) this.steps.splice(this.steps.indexOf(before), 1);
    const adopted = task.adopts !== undefined;
    const step: PlannedStep = {
      action: adopted ? 'start' : 'create',
      container: task.containerName,
      node,
      cause: adopted ? 'was stopped' : task.status.message,
      placement,
    };
    this.#recorded.set(task.id, step);
    this.steps.push(step);
  }

  /** Simulates the workers: moves each task to the state that its desired state leads to. */
  #simulateWorkers(tx: Transaction): boolean {
    let changed = false;
    for (const task of this.#tasks(tx)) {
      const { state } = task.status;
      if (isTerminal(state) || state === 'new') continue;
      if (task.desired === 'shutdown' || task.desired === 'remove') {
        changed = true;
        move(tx, task, 'shutdown');
      } else if (state !== 'pending' && state !== 'running') {
        const to = task.desired === 'ready' ? 'ready' : 'running';
        if (state === to) continue;
        changed = true;
        move(tx, task, to);
      }
    }
    return changed;
  }
}

function isStop(change: TaskChange): boolean {
  return change.kind === 'desire' && change.desired !== 'running';
}

/** Writes a task's placement and binds new volumes to the node. */
function assign(
  tx: Transaction,
  task: Task,
  { nodeId, portSpecs, volumeIds }: PlacementDecision,
): void {
  for (const id of volumeIds) {
    const volume = tx.get('volumes', id);
    if (volume === undefined || volume.nodeIds.includes(nodeId)) continue;
    tx.put('volumes', { ...volume, nodeIds: [...volume.nodeIds, nodeId] });
  }
  move(tx, { ...task, nodeId, spec: { ...task.spec, ports: portSpecs } }, 'assigned');
}

function nodeName(view: StoreView, task: Task): string {
  const node = task.nodeId === undefined ? undefined : view.get('nodes', task.nodeId);
  return node?.spec.name ?? '';
}

function move(tx: Transaction, task: Task, state: Task['status']['state']): void {
  const started = state === 'running' ? { startedAt: tx.now, health: 'healthy' as const } : {};
  const status = { ...task.status, state, at: tx.now, ...started };
  tx.put('tasks', { ...task, status });
}
