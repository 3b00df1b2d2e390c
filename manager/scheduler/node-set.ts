import type { NodeId, ServiceId, TaskId } from '../common/model/ids.js';
import type { Volume } from '../common/model/network.js';
import type { Node } from '../common/model/node.js';
import { tiesOf } from '../common/model/pod.js';
import { currentTask, isWanted, tasksBySlot, wasRefused } from '../store/slots.js';
import type { Task } from '../common/model/task.js';
import { isAssigned, isTerminal } from '../common/model/task-state.js';
import type { HostPort, TakenPorts } from './host-ports.js';
import { hostPortOf, takePort, wantedPorts } from './host-ports.js';

/** All that placing looks at: one moment of the store. */
export interface SchedulerSnapshot {
  readonly nodes: readonly Node[];
  /** Every task of the cluster: those pending are placed, the others use up nodes. */
  readonly tasks: readonly Task[];
  readonly volumes: readonly Volume[];
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly strategy: 'spread' | 'binpack' | 'random';
  /** For `random`. */
  readonly seed: number;
}

/** A node and what is left of it; changes as tasks are placed within one decision. */
export interface Candidate {
  readonly node: Node;
  freeNanoCpus: number;
  freeMemoryBytes: number;
  tasks: number;
  /** Tasks of late that failed here, of whatever service. */
  failures: number;
  readonly serviceTasks: Map<ServiceId, number>;
  /** Tasks of late that this node or its engine refused to run, by service. */
  readonly refusals: Map<ServiceId, number>;
  readonly ports: TakenPorts;
}

/** How long a failure counts against its node. */
const failureMemoryMs = 5 * 60_000;

export class NodeSet {
  /** In order of name, then id. */
  readonly candidates: readonly Candidate[];
  readonly #byId: ReadonlyMap<NodeId, Candidate>;
  readonly #volumes: Map<string, Volume>;
  readonly #tasksOfService = new Map<string, Task[]>();
  readonly #placed = new Map<TaskId, NodeId>();
  /** By what they wait for: `project/service/slot`. */
  readonly #waiting = new Map<string, Task[]>();
  /** Made when first asked for: few services are. */
  readonly #slots = new Map<string, ReadonlyMap<number, readonly Task[]>>();

  constructor(snapshot: SchedulerSnapshot) {
    this.candidates = [...snapshot.nodes].sort(byName).map(emptyCandidate);
    this.#byId = new Map(this.candidates.map((candidate) => [candidate.node.id, candidate]));
    this.#volumes = new Map(snapshot.volumes.map((volume) => [volume.spec.name, volume]));
    for (const task of snapshot.tasks) this.#count(task, snapshot.now);
  }

  get(id: NodeId): Candidate | undefined {
    return this.#byId.get(id);
  }

  volume(name: string): Volume | undefined {
    return this.#volumes.get(name);
  }

  /** From now on the volume is (also) on that node. */
  pin(volume: Volume, nodeId: NodeId): void {
    const nodeIds = [...volume.nodeIds, nodeId];
    this.#volumes.set(volume.spec.name, { ...volume, nodeIds });
  }

  /** What fills a slot of a service of a project. */
  current(project: string, service: string, slot: number): Task | undefined {
    return currentTask(this.#slot(project, service, slot));
  }

  /** Where a task is, or was placed by this decision; that it belongs on a node is not yet to be there. */
  nodeOf(task: Task): NodeId | undefined {
    return this.#placed.get(task.id) ?? (isUnplaced(task) ? undefined : task.nodeId);
  }

  /** Whether all that it is to be beside have a node. */
  hasLeaders(task: Task): boolean {
    return tiesOf(task.spec.container).every(({ service }) => {
      const leader = this.current(task.project, service, task.slot);
      return leader !== undefined && this.nodeOf(leader) !== undefined;
    });
  }

  /** Tasks without a node that are to be where this one will be. */
  waitingFor(task: Task): readonly Task[] {
    return this.#waiting.get(`${task.project}/${task.service}/${String(task.slot)}`) ?? [];
  }

  /** What this slot tried before without success, newest first. */
  refusedBefore(task: Task): readonly Task[] {
    return this.#slot(task.project, task.service, task.slot).filter(
      (other) => other.id !== task.id && wasRefused(other),
    );
  }

  /** Uses up what the task needs. */
  place(task: Task, candidate: Candidate, ports: readonly HostPort[]): void {
    const { nanoCpus, memoryBytes } = task.spec.resources.reservations;
    this.#placed.set(task.id, candidate.node.id);
    candidate.freeNanoCpus -= nanoCpus;
    candidate.freeMemoryBytes -= memoryBytes;
    candidate.tasks += 1;
    add(candidate.serviceTasks, task.serviceId);
    for (const port of ports) takePort(candidate.ports, port);
  }

  #slot(project: string, service: string, slot: number): readonly Task[] {
    const key = `${project}/${service}`;
    let slots = this.#slots.get(key);
    if (slots === undefined) {
      slots = tasksBySlot(this.#tasksOfService.get(key) ?? []);
      this.#slots.set(key, slots);
    }
    return slots.get(slot) ?? [];
  }

  #count(task: Task, now: number): void {
    const service = `${task.project}/${task.service}`;
    const list = this.#tasksOfService.get(service);
    if (list === undefined) this.#tasksOfService.set(service, [task]);
    else list.push(task);

    const candidate = task.nodeId === undefined ? undefined : this.#byId.get(task.nodeId);
    if (candidate === undefined || isUnplaced(task)) {
      this.#noteWaiting(task);
      return;
    }
    const { state, at } = task.status;
    if (isAssigned(state)) {
      const ports = wantedPorts(task).map((port) => hostPortOf(port, port.published ?? 0));
      this.place(task, candidate, ports);
    } else if (isTerminal(state) && now - at < failureMemoryMs) {
      if (state === 'failed' || state === 'rejected') candidate.failures += 1;
      if (wasRefused(task)) add(candidate.refusals, task.serviceId);
    }
  }

  #noteWaiting(task: Task): void {
    if (isTerminal(task.status.state) || !isWanted(task)) return;
    const leaders = new Set(tiesOf(task.spec.container).map(({ service }) => service));
    for (const service of leaders) {
      const key = `${task.project}/${service}/${String(task.slot)}`;
      const list = this.#waiting.get(key);
      if (list === undefined) this.#waiting.set(key, [task]);
      else list.push(task);
    }
  }
}

function isUnplaced({ status }: Task): boolean {
  return status.state === 'new' || status.state === 'pending';
}

function emptyCandidate(node: Node): Candidate {
  return {
    node,
    freeNanoCpus: node.description.nanoCpus,
    freeMemoryBytes: node.description.memoryBytes,
    tasks: 0,
    failures: 0,
    serviceTasks: new Map(),
    refusals: new Map(),
    ports: new Map(),
  };
}

function byName(a: Node, b: Node): number {
  if (a.spec.name !== b.spec.name) return a.spec.name < b.spec.name ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

function add(counts: Map<ServiceId, number>, id: ServiceId): void {
  counts.set(id, (counts.get(id) ?? 0) + 1);
}
