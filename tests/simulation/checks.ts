import type { NodeId, TaskId } from '../../manager/common/model/ids.js';
import type { Service } from '../../manager/common/model/service.js';
import type { Task } from '../../manager/common/model/task.js';
import type { Actor } from '../../manager/common/model/task-state.js';
import {
  isAssigned,
  isTerminal,
  canTransition,
  stateRank,
} from '../../manager/common/model/task-state.js';
import { byNewest, wasRejected } from '../../manager/store/slots.js';
import { podLinksOf } from '../../manager/common/model/pod.js';
import type { Commit, StoreChange, StoreView } from '../../manager/store/store.js';
import { volumesOf } from './engine.js';
import type { Machine, Running } from './machine.js';

/**
 * Invariants that hold at every moment. Keeps the history they need, such as the tasks of lost
 * nodes.
 */
export class Checks {
  readonly #onViolation: (message: string) => void;
  /** Tasks that were started before a dependency was recreated: they run until they have stopped. */
  readonly #startedBefore = new Set<TaskId>();
  /**
   * Tasks on a node when it went down or was removed: a replacement may run elsewhere from then on.
   */
  readonly #lost = new Set<TaskId>();
  /**
   * Tasks created start-first: they may overlap their predecessor even if the order changes later.
   */
  readonly #overlapping = new Set<TaskId>();

  constructor(onViolation: (message: string) => void) {
    this.#onViolation = onViolation;
  }

  noteCommit(commit: Commit, view: StoreView): void {
    for (const change of commit.changes) {
      if (change.table === 'nodes' && change.after?.status.state !== 'ready') {
        const gone = change.after === undefined || change.after.status.state === 'down';
        if (gone) this.#lose(change.id as NodeId, view);
      }
      if (change.table === 'tasks') this.#checkTask(change, commit.actor, view);
      if (change.table === 'services') {
        this.#noteGate(change, view);
        this.#checkService(change, view);
      }
      if (change.table === 'volumes') this.#checkVolume(change);
    }
    this.#checkNodes(commit, view);
  }

  #noteGate(
    { before, after }: StoreChange & { readonly table: 'services' },
    view: StoreView,
  ): void {
    if (before?.dependenciesMet !== true || after?.dependenciesMet !== false) return;
    for (const { id, desired } of view.tasksOfService(after.id)) {
      if (desired !== 'ready') this.#startedBefore.add(id);
    }
  }

  /** Checks what the machines actually run. */
  checkMachines(machines: readonly Machine[], view: StoreView): void {
    const running = machines.flatMap((machine) => machine.running());
    this.#checkAddresses(running.filter(({ reachable }) => reachable));
    this.#checkSlots(
      running.filter(({ reachable }) => reachable),
      view,
    );
    this.#checkData(machines, view);
    for (const { taskId, task } of running) {
      const service = view.get('services', task.serviceId);
      if (service === undefined || service.dependenciesMet) continue;
      if (this.#startedBefore.has(taskId)) continue;
      this.#onViolation(`${taskId} runs before its dependencies are met`);
    }
  }

  #checkAddresses(running: readonly Running[]): void {
    const addresses = new Map<string, Running>();
    for (const each of running) {
      for (const { networkId, address } of each.task.attachments) {
        const key = `${networkId} ${address}`;
        const other = addresses.get(key);
        if (other !== undefined) {
          this.#onViolation(`${each.taskId} and ${other.taskId} both run with ${address}`);
        }
        addresses.set(key, each);
      }
    }
  }

  #checkSlots(running: readonly Running[], view: StoreView): void {
    const slots = new Map<string, Running>();
    for (const each of running) {
      if (this.#lost.has(each.taskId)) continue;
      if (this.#mayOverlap(each, view)) continue;
      const key = `${each.task.serviceId} ${each.task.slot}`;
      const other = slots.get(key);
      if (other !== undefined) {
        this.#onViolation(`${each.taskId} and ${other.taskId} both run in slot ${key}`);
      }
      slots.set(key, each);
    }
  }

  /** A volume has one home: even if that machine is lost, no other machine may use the volume. */
  #checkData(machines: readonly Machine[], view: StoreView): void {
    const homes = new Map<string, NodeId>();
    const writers = new Map<string, Running>();
    for (const { machine, each, volume } of machines.flatMap(usesOf)) {
      const home = homes.get(volume) ?? machine;
      homes.set(volume, machine);
      if (home !== machine) this.#onViolation(`volume ${volume} is used on ${home} and ${machine}`);
      if (this.#mayOverlap(each, view)) continue;
      const key = `${volume} ${each.task.serviceId} ${each.task.slot}`;
      const other = writers.get(key);
      writers.set(key, each);
      if (other === undefined || other.taskId === each.taskId) continue;
      this.#onViolation(`${each.taskId} and ${other.taskId} both write to ${volume}`);
    }
  }

  /** True for start-first services, and for removed services, whose order is no longer known. */
  #mayOverlap({ taskId, task }: Running, view: StoreView): boolean {
    const service = view.get('services', task.serviceId);
    return service === undefined || isStartFirst(service) || this.#overlapping.has(taskId);
  }

  #checkService(change: StoreChange & { readonly table: 'services' }, view: StoreView): void {
    if (change.after !== undefined || view.get('services', change.id as Service['id'])) return;
    const left = view.tasksOfService(change.id as Service['id']);
    if (left.length > 0) this.#onViolation(`task ${left[0]?.id ?? ''} has no service`);
  }

  #checkVolume({ after }: StoreChange & { readonly table: 'volumes' }): void {
    if (after === undefined || after.nodeIds.length < 2) return;
    this.#onViolation(`volume ${after.spec.name} is on ${after.nodeIds.join(' and ')}`);
  }

  #lose(nodeId: NodeId, view: StoreView): void {
    for (const task of view.tasksOfNode(nodeId)) {
      if (!isTerminal(task.status.state)) this.#lost.add(task.id);
    }
  }

  #checkTask(
    { before, after }: { readonly before?: Task | undefined; readonly after?: Task | undefined },
    actor: Actor,
    view: StoreView,
  ): void {
    if (after === undefined) {
      if (before !== undefined) this.#checkKept(before, view);
      return;
    }
    if (!canTransition(before?.status.state, after.status.state, actor)) {
      this.#onViolation(`task ${after.id} was moved to ${after.status.state} by ${actor}`);
    }
    // A later commit of the same batch may have removed both already.
    const exists = view.get('tasks', after.id) !== undefined;
    if (exists && view.get('services', after.serviceId) === undefined) {
      this.#onViolation(`task ${after.id} has no service`);
    }
    if (before !== undefined && stateRank(after.status.state) < stateRank(before.status.state)) {
      this.#onViolation(`task ${after.id} went back to ${after.status.state}`);
    }
    if (before === undefined) this.#checkNewTask(after, view);
    if (before?.nodeId === undefined && after.nodeId !== undefined) {
      this.#checkPod(after, view);
      this.#checkReturn(after, view);
    }
  }

  /** A pod member is placed on the node of its leader, as of this commit. */
  #checkPod(task: Task, view: StoreView): void {
    for (const { service } of podLinksOf(task.spec.container)) {
      const leaders = view
        .servicesOfProject(task.project)
        .filter(({ spec }) => spec.service === service)
        .flatMap(({ id }) => view.tasksOfService(id))
        .filter(({ slot, nodeId }) => slot === task.slot && nodeId !== undefined);
      if (leaders.length === 0 || leaders.some(({ nodeId }) => nodeId === task.nodeId)) continue;
      this.#onViolation(`task ${task.id} is not on the node of its leader ${leaders[0]?.id ?? ''}`);
    }
  }

  /** A task is placed on the node of the newest started container with its anonymous volume. */
  #checkReturn(task: Task, view: StoreView): void {
    const { container } = task.spec;
    if (!hasAnonymousVolume(task) || podLinksOf(container).length > 0) return;
    const [last] = view
      .tasksOfService(task.serviceId)
      .filter((other) => other.slot === task.slot && other.id !== task.id && mayHaveData(other))
      .filter(({ nodeId }) => nodeId !== undefined && view.get('nodes', nodeId) !== undefined)
      .sort(byNewest);
    if (last === undefined || last.nodeId === task.nodeId || isRenewed(task, last)) return;
    this.#onViolation(`task ${task.id} leaves the anonymous volume of ${last.id} behind`);
  }

  /** The record of a slot's data is kept until a newer task has a container. */
  #checkKept(task: Task, view: StoreView): void {
    const service = view.get('services', task.serviceId);
    if (service === undefined || service.removing || task.desired === 'remove') return;
    const { mode } = service.spec;
    if (mode.kind !== 'replicated' || task.slot > mode.replicas) return;
    if (!mayHaveData(task) || view.get('nodes', task.nodeId ?? ('' as NodeId)) === undefined)
      return;
    const slot = view.tasksOfService(task.serviceId).filter((other) => other.slot === task.slot);
    if (slot.some(({ status }) => status.containerId !== undefined)) return;
    this.#onViolation(`task ${task.id} is deleted with the only anonymous volume of its slot`);
  }

  #checkNewTask(task: Task, view: StoreView): void {
    const service = view.get('services', task.serviceId);
    if (service !== undefined && isStartFirst(service)) {
      this.#overlapping.add(task.id);
      return;
    }
    // A successor is placed and created before its predecessor stops, but not started.
    if (task.desired === 'ready') return;
    for (const other of view.tasksOfService(task.serviceId)) {
      const alive =
        other.slot === task.slot && other.id !== task.id && isAssigned(other.status.state);
      if (!alive || other.nodeId === undefined) continue;
      const node = view.get('nodes', other.nodeId);
      if (node !== undefined && node.status.state !== 'down') {
        this.#onViolation(`task ${task.id} was made while ${other.id} still ran in its slot`);
      }
    }
  }

  #checkNodes(commit: Commit, view: StoreView): void {
    const touched = new Set<NodeId>();
    for (const change of commit.changes) {
      if (change.table !== 'tasks' || change.before?.nodeId === change.after?.nodeId) continue;
      if (change.after?.nodeId !== undefined) touched.add(change.after.nodeId);
    }
    for (const id of touched) {
      const node = view.get('nodes', id);
      if (node === undefined) continue;
      const tasks = view.tasksOfNode(id).filter((task) => isAssigned(task.status.state));
      const memory = tasks.reduce(
        (sum, { spec }) => sum + spec.resources.reservations.memoryBytes,
        0,
      );
      if (memory > node.description.memoryBytes)
        this.#onViolation(`${id} has more memory reserved than it has`);
      const ports = tasks.flatMap(({ spec }) => spec.ports.map((port) => port.published));
      if (new Set(ports).size < ports.length)
        this.#onViolation(`${id} has two tasks on one host port`);
    }
  }
}

function isStartFirst(service: Service): boolean {
  const { update, rollback } = service.spec;
  return update?.order === 'start-first' || rollback?.order === 'start-first';
}

interface Use {
  readonly machine: NodeId;
  readonly each: Running;
  readonly volume: string;
}

function usesOf(machine: Machine): readonly Use[] {
  return machine
    .running()
    .flatMap((each) =>
      volumesOf(each.task).map((volume) => ({ machine: machine.id, each, volume })),
    );
}

function hasAnonymousVolume({ spec }: Task): boolean {
  return spec.container.mounts.some(
    ({ type, ...mount }) => type === 'volume' && !('source' in mount),
  );
}

/** Whether a container of the task was started, so that its anonymous volume may hold data. */
function mayHaveData(task: Task): boolean {
  return hasAnonymousVolume(task) && task.status.containerId !== undefined && !wasRejected(task);
}

function isRenewed(task: Task, previous: Task): boolean {
  const [now, then] = [task, previous].map(({ spec }) => spec.container.volumesRenewedAt ?? 0);
  return (now ?? 0) > (then ?? 0);
}
