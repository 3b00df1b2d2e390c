import type { Clock } from '../common/base/clock.js';
import type { Logger } from '../common/base/log.js';
import type { NewId } from '../common/base/random.js';
import type { TaskId } from '../common/model/ids.js';
import type { Task } from '../common/model/task.js';
import { isTerminal } from '../common/model/task-state.js';
import { apply } from '../orchestrator/apply.js';
import type { TaskChange } from '../orchestrator/change.js';
import { lookAt, nodesById } from '../orchestrator/look.js';
import { reconcile } from '../orchestrator/reconcile.js';
import type { PlannedStep } from '../common/protocol/control.js';
import type { Placement } from '../scheduler/decide.js';
import { decide } from '../scheduler/decide.js';
import type { SchedulerSnapshot } from '../scheduler/node-set.js';
import type { Backend } from '../store/backend.js';
import { openStore } from '../store/open-store.js';
import type { ClusterStore, StoreView, TableName, Transaction } from '../store/store.js';

/** Rounds after which a plan that still goes on is shown as far as it is. */
const maxRounds = 500;

const tables: readonly TableName[] = [
  ...(['nodes', 'services', 'tasks', 'networks', 'volumes'] as const),
  ...(['secrets', 'configs', 'leases', 'cluster'] as const),
];

export interface PreviewOptions {
  readonly view: StoreView;
  readonly now: number;
  readonly newId: NewId;
  readonly log: Logger;
  readonly strategy: SchedulerSnapshot['strategy'];
}

/**
 * What a change would lead to: it is made in a copy of the state, where the same pure decisions are taken as
 * in the cluster, and every node does at once what it is told. Nothing of the cluster is touched.
 */
export async function preview<Result>(
  options: PreviewOptions,
  project: string,
  change: (tx: Transaction) => Result,
): Promise<{ readonly result: Result; readonly steps: readonly PlannedStep[] }> {
  const clock = new StillClock(options.now);
  const store = await openStore({ backend: copyOf(options.view), clock, log: options.log });
  const result = await store.update('control', change);
  const rehearsal = new Rehearsal(store, options, project);
  for (let round = 0; round < maxRounds; round += 1) {
    if (await rehearsal.round()) continue;
    if (rehearsal.waitsUntil === undefined) break;
    clock.time = Math.max(clock.time + 1, rehearsal.waitsUntil);
  }
  await store.close();
  return { result, steps: rehearsal.steps };
}

/** Time passes when it is told to: delays of an update need not be waited for. */
class StillClock implements Clock {
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

function copyOf(view: StoreView): Backend {
  return {
    name: 'preview',
    load: () =>
      Promise.resolve(
        tables.flatMap((table) => view.list(table).map((value) => ({ table, value }))),
      ),
    commit: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

class Rehearsal {
  readonly steps: PlannedStep[] = [];
  waitsUntil: number | undefined;
  readonly #store: ClusterStore;
  readonly #options: PreviewOptions;
  readonly #project: string;
  readonly #told = new Map<TaskId, PlannedStep>();

  constructor(store: ClusterStore, options: PreviewOptions, project: string) {
    this.#store = store;
    this.#options = options;
    this.#project = project;
  }

  /** Everybody's turn once; false when nobody had anything to do. */
  async round(): Promise<boolean> {
    const decided = await this.#store.update('orchestrator', (tx) => this.#orchestrate(tx));
    await this.#store.update('allocator', (tx) => {
      for (const task of this.#tasks(tx))
        if (task.status.state === 'new') move(tx, task, 'pending');
    });
    const placed = await this.#store.update('scheduler', (tx) => this.#place(tx));
    const obeyed = await this.#store.update('dispatcher', (tx) => this.#obey(tx));
    return decided || placed || obeyed;
  }

  #tasks(view: StoreView): readonly Task[] {
    return view.servicesOfProject(this.#project).flatMap(({ id }) => view.tasksOfService(id));
  }

  #orchestrate(tx: Transaction): boolean {
    const context = { nodes: nodesById(tx), now: tx.now };
    const waits: number[] = [];
    let wrote = false;
    for (const { id } of tx.servicesOfProject(this.#project)) {
      const scene = lookAt(tx, id, context);
      const changes = scene === undefined ? [] : reconcile(scene);
      for (const change of changes) {
        if (change.kind === 'wait') waits.push(change.until);
        else wrote = true;
        this.#noteEnd(tx, change);
      }
      apply(tx, id, changes, this.#options.newId);
    }
    this.waitsUntil = waits.length === 0 ? undefined : Math.min(...waits);
    return wrote;
  }

  #noteEnd(view: StoreView, change: TaskChange): void {
    if (change.kind !== 'desire' || change.desired === 'running') return;
    const task = view.get('tasks', change.taskId);
    if (task === undefined || isTerminal(task.status.state)) return;
    const node = nodeName(view, task);
    const { containerName: container } = task;
    this.steps.push({ action: 'stop', container, node, cause: change.cause });
  }

  #place(tx: Transaction): boolean {
    const { strategy } = this.#options;
    const decisions = decide({
      ...{ nodes: tx.list('nodes'), tasks: tx.list('tasks'), volumes: tx.list('volumes') },
      ...{ now: tx.now, strategy, seed: tx.index },
    });
    let placed = false;
    for (const decision of decisions) {
      const task = tx.get('tasks', decision.taskId);
      if (task?.project !== this.#project) continue;
      placed ||= decision.kind === 'place';
      if (decision.kind === 'place') settle(tx, task, decision);
      const node = decision.kind === 'place' ? decision.nodeName : '';
      this.#noteStart(task, node, decision.words.summary);
    }
    return placed;
  }

  /** One line a task: where it goes, or, while it is without a place, why. */
  #noteStart(task: Task, node: string, placement: string): void {
    const before = this.#told.get(task.id);
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
    this.#told.set(task.id, step);
    this.steps.push(step);
  }

  /** What workers would report once all is done. */
  #obey(tx: Transaction): boolean {
    let did = false;
    for (const task of this.#tasks(tx)) {
      const { state } = task.status;
      if (isTerminal(state) || state === 'new') continue;
      if (task.desired === 'shutdown' || task.desired === 'remove') {
        did = true;
        move(tx, task, 'shutdown');
      } else if (state !== 'pending' && state !== 'running') {
        const to = task.desired === 'ready' ? 'ready' : 'running';
        if (state === to) continue;
        did = true;
        move(tx, task, to);
      }
    }
    return did;
  }
}

/** Writes where a task goes, and with it the volumes it makes there. */
function settle(tx: Transaction, task: Task, { nodeId, portSpecs, volumeIds }: Placement): void {
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
