import type { NodeId, TaskId } from '../../manager/model/ids.js';
import type { Service } from '../../manager/model/service.js';
import { currentTask, isWanted, tasksBySlot } from '../../manager/model/slots.js';
import type { Task } from '../../manager/model/task.js';
import type { Actor } from '../../manager/model/task-state.js';
import { isAssigned, isTerminal, mayMove, stateRank } from '../../manager/model/task-state.js';
import type { Commit, StoreView } from '../../manager/store/store.js';
import type { FakeMachine, Held } from './fake-machine.js';

/** What must hold at every moment. Keeps what it needs from the past: which tasks were given up. */
export class Checks {
  readonly #onViolation: (message: string) => void;
  /** Tasks on a node when it was found down: a copy may run elsewhere from then on. */
  readonly #lost = new Set<TaskId>();

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
    }
    this.#checkNodes(commit, view);
  }

  /** Looks at the machines themselves. */
  checkMachines(machines: readonly FakeMachine[], view: StoreView): void {
    const reachable = machines.filter((machine) => !machine.isolated);
    const addresses = new Map<string, Held>();
    const slots = new Map<string, Held>();
    for (const held of reachable.flatMap((machine) => machine.running())) {
      for (const { networkId, address } of held.task.attachments) {
        const key = `${networkId} ${address}`;
        const other = addresses.get(key);
        if (other !== undefined) {
          this.#onViolation(`${held.task.id} and ${other.task.id} both run with ${address}`);
        }
        addresses.set(key, held);
      }
      if (this.#lost.has(held.task.id)) continue;
      if (this.#service(held, view)?.spec.update?.order === 'start-first') continue;
      const key = `${held.task.serviceId} ${held.task.slot}`;
      const other = slots.get(key);
      if (other !== undefined) {
        this.#onViolation(`${held.task.id} and ${other.task.id} both run in slot ${key}`);
      }
      slots.set(key, held);
    }
  }

  #service(held: Held, view: StoreView): Service | undefined {
    return view.get('services', held.task.serviceId);
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
    if (after === undefined) return;
    if (!mayMove(before?.status.state, after.status.state, actor)) {
      this.#onViolation(`task ${after.id} was moved to ${after.status.state} by ${actor}`);
    }
    // A later commit of the same batch may have taken both away already.
    const isThere = view.get('tasks', after.id) !== undefined;
    if (isThere && view.get('services', after.serviceId) === undefined) {
      this.#onViolation(`task ${after.id} has no service`);
    }
    if (before !== undefined && stateRank(after.status.state) < stateRank(before.status.state)) {
      this.#onViolation(`task ${after.id} went back to ${after.status.state}`);
    }
    if (before === undefined) this.#checkNewTask(after, view);
  }

  #checkNewTask(task: Task, view: StoreView): void {
    const service = view.get('services', task.serviceId);
    if (service?.spec.update?.order === 'start-first') return;
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
      if (memory > node.description.memoryBytes) this.#onViolation(`${id} has too much reserved`);
      const ports = tasks.flatMap(({ spec }) => spec.ports.map((port) => port.published));
      if (new Set(ports).size < ports.length) this.#onViolation(`${id} has a port twice`);
    }
  }
}

/** What is still missing to be what the specs ask for, one line a thing; empty when all is as wanted. */
export function missing(view: StoreView, machines: readonly FakeMachine[]): readonly string[] {
  return [
    ...view.list('services').flatMap((service) => missingOf(service, view)),
    ...strangers(view, machines),
    ...strayLeases(view),
  ];
}

function missingOf(service: Service, view: StoreView): readonly string[] {
  const name = service.spec.service;
  if (service.removing) return [`${name} is not removed`];
  const slots = tasksBySlot(view.tasksOfService(service.id));
  const lines = [...slots].flatMap(([slot, tasks]) => leftovers(service, slot, tasks));
  if (service.spec.halted) {
    const running = [...slots.values()].filter((tasks) => currentTask(tasks) !== undefined);
    return running.length === 0 ? lines : [...lines, `${name} is stopped and has tasks`];
  }
  const wanted = wantedSlots(service, view, slots);
  const unfilled = wanted.flatMap((slot) => {
    const task = currentTask(slots.get(slot) ?? []);
    const waits = waitsForOthers(task, service, view) || waitsForRoom(task, service, slots);
    if (waits || isFine(task, service)) return [];
    const { state = 'empty' } = task?.status ?? {};
    return [`${name}.${slot} is ${state}: ${task?.explanation?.summary ?? ''}`];
  });
  const extra = [...slots.keys()].filter((slot) => !wanted.includes(slot));
  return [...lines, ...unfilled, ...extra.map((slot) => `${name}.${slot} is not wanted`)];
}

function leftovers(service: Service, slot: number, tasks: readonly Task[]): readonly string[] {
  const wanted = tasks.filter(isWanted).length;
  // Start-first without room for both stays at that, and says so.
  const most = service.spec.update?.order === 'start-first' ? 2 : 1;
  const unended = tasks.filter((task) => !isWanted(task) && isAssigned(task.status.state));
  return [
    ...(wanted > most ? [`${service.spec.service}.${slot} has ${wanted} wanted tasks`] : []),
    ...unended.map((task) => `${task.id} has not ended`),
  ];
}

function wantedSlots(
  service: Service,
  view: StoreView,
  slots: ReadonlyMap<number, readonly Task[]>,
): readonly number[] {
  const { mode } = service.spec;
  if (mode.kind === 'replicated') return Array.from({ length: mode.replicas }, (_, at) => at + 1);
  const nodes = view.list('nodes').filter((node) => node.spec.availability === 'active');
  const filled = [...slots]
    .filter(([, tasks]) => nodes.some((node) => node.id === currentTask(tasks)?.nodeId))
    .map(([slot]) => slot);
  // As many slots as nodes; which number a node has is its own business.
  return filled.length === nodes.length ? filled : [...filled, 0];
}

/** Runs; or waits with a reason; or ended for good the way its restarts say. */
function isFine(task: Task | undefined, service: Service): boolean {
  if (task?.taskHash !== service.taskHash) return false;
  const { state } = task.status;
  if (state === 'running') return task.desired === 'running';
  if (state === 'ready') return task.explanation?.summary.startsWith('dependency ') === true;
  if (state === 'pending')
    return task.explanation?.placed === false && task.explanation.summary !== '';
  return (state === 'failed' || state === 'complete') && service.spec.task.restart === undefined;
}

/** An update does not take out one more while those it took out find no room or have failed. */
function waitsForRoom(
  task: Task | undefined,
  service: Service,
  slots: ReadonlyMap<number, readonly Task[]>,
): boolean {
  if (task?.taskHash === service.taskHash) return false;
  return [...slots.values()].some((tasks) => {
    const other = currentTask(tasks);
    return other?.explanation?.placed === false || other?.status.state === 'failed';
  });
}

/** What it depends on has no room in the cluster, or its update is held up by a replica that failed. */
function waitsForOthers(task: Task | undefined, service: Service, view: StoreView): boolean {
  if (task?.desired !== 'ready') return false;
  const wanted = new Set(service.spec.dependsOn.map((dependency) => dependency.service));
  return view
    .servicesOfProject(service.spec.project)
    .filter((other) => wanted.has(other.spec.service))
    .some((other) => {
      const tasks = view.tasksOfService(other.id);
      const slots = tasksBySlot(tasks);
      const heldUp = tasks.some((one) => isWanted(one) && waitsForRoom(one, other, slots));
      return heldUp || tasks.some(({ status }) => ['pending', 'ready'].includes(status.state));
    });
}

function strangers(view: StoreView, machines: readonly FakeMachine[]): readonly string[] {
  return machines.flatMap((machine) =>
    machine.running().flatMap(({ task }) => {
      const known = view.get('tasks', task.id);
      return known?.status.state === 'running' && isWanted(known)
        ? []
        : [`${machine.id} runs ${task.id}, which is ${known?.status.state ?? 'forgotten'}`];
    }),
  );
}

function strayLeases(view: StoreView): readonly string[] {
  return view.list('leases').flatMap(({ id, holder }) => {
    if (holder.kind === 'fenced') return [`${id} is fenced`];
    if (holder.kind === 'task' && view.get('tasks', holder.taskId) === undefined) {
      return [`${id} belongs to no task`];
    }
    return [];
  });
}
