import type { VolumeHolder } from '../store/volume-holder.js';
import { findVolumeHolder, hasAnonymousVolumes } from '../store/volume-holder.js';
import type { NodeId, ServiceId, TaskId } from '../common/model/ids.js';
import type { Volume } from '../common/model/network.js';
import type { Node } from '../common/model/node.js';
import { podLinksOf } from '../common/model/pod.js';
import { currentTask, isWanted, tasksBySlot, wasRejected } from '../store/slots.js';
import type { Task } from '../common/model/task.js';
import { isAssigned, isTerminal } from '../common/model/task-state.js';
import type { HostPort, UsedPorts } from './host-ports.js';
import { hostPortOf, markPortUsed, releasePort, wantedPorts } from './host-ports.js';

/** Input of a scheduling decision: a consistent snapshot of the store. */
export interface SchedulerSnapshot {
  readonly nodes: readonly Node[];
  /** All tasks of the cluster: pending ones are placed, assigned ones use resources. */
  readonly tasks: readonly Task[];
  readonly volumes: readonly Volume[];
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly strategy: 'spread' | 'binpack' | 'random';
  /** Seed of the `random` strategy. */
  readonly seed: number;
}

/** A node with its free resources; updated as tasks are placed within one decision. */
export interface Candidate {
  readonly node: Node;
  freeNanoCpus: number;
  freeMemoryBytes: number;
  tasks: number;
  /** Recent failures on the node, of all services. */
  failures: number;
  readonly serviceTasks: Map<ServiceId, number>;
  /** Recent rejections by the node or its engine, by service. */
  readonly refusals: Map<ServiceId, number>;
  readonly ports: UsedPorts;
}

/** Time for which a failure counts against its node, ms. */
const failureMemoryMs = 5 * 60_000;

/** Nodes with their resources, tasks and volumes, as seen by one decision. */
export class NodeSet {
  /** Ordered by name, then id. */
  readonly candidates: readonly Candidate[];
  readonly #byId: ReadonlyMap<NodeId, Candidate>;
  readonly #volumes: Map<string, Volume>;
  readonly #tasksOfService = new Map<string, Task[]>();
  readonly #placed = new Map<TaskId, NodeId>();
  /** Unplaced followers by their leader's `project/service/slot`. */
  readonly #pendingFollowers = new Map<string, Task[]>();
  /** Services that have anonymous volumes, as `project/service`. */
  readonly #withVolumes = new Set<string>();
  /** Their followers among these, by the leader's `project/service`. */
  readonly #volumeFollowers = new Map<string, Set<string>>();
  /** Tasks by slot, computed lazily: only few services need it. */
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

  /** Binds the volume to a further node. */
  pin(volume: Volume, nodeId: NodeId): void {
    const nodeIds = [...volume.nodeIds, nodeId];
    this.#volumes.set(volume.spec.name, { ...volume, nodeIds });
  }

  /** Current task of a slot of a project's service. */
  current(project: string, service: string, slot: number): Task | undefined {
    return currentTask(this.#slot(project, service, slot));
  }

  /**
   * Node of a placed task, also if placed by this decision. Undefined for tasks only preset to a
   * node.
   */
  nodeOf(task: Task): NodeId | undefined {
    return this.#placed.get(task.id) ?? (isUnplaced(task) ? undefined : task.nodeId);
  }

  /**
   * The task of the same slot whose anonymous volumes this task is to reuse; undefined if the task
   * has a node already.
   */
  volumeHolder(task: Task): VolumeHolder | undefined {
    return task.nodeId === undefined ? this.#volumeHolder(task) : undefined;
  }

  /** The tasks whose anonymous volumes the followers of this task have, or are to reuse. */
  volumeHoldersOfFollowers({ project, service, slot }: Task): readonly VolumeHolder[] {
    const followers = [...(this.#volumeFollowers.get(`${project}/${service}`) ?? [])].sort();
    return followers.flatMap((follower) => {
      const current = this.current(project, follower, slot);
      return (current && this.#volumeHolder(current)) ?? [];
    });
  }

  /** Ignores volumes of nodes that have left the cluster. */
  #volumeHolder({ project, service, slot, spec }: Task): VolumeHolder | undefined {
    if (!this.#withVolumes.has(`${project}/${service}`)) return undefined;
    const onNodes = this.#slot(project, service, slot).filter(
      ({ nodeId }) => nodeId !== undefined && this.#byId.has(nodeId),
    );
    return findVolumeHolder(spec.container, onNodes);
  }

  /** Whether every leader of the task is placed. */
  areLeadersPlaced(task: Task): boolean {
    return podLinksOf(task.spec.container).every(({ service }) => {
      const leader = this.current(task.project, service, task.slot);
      return leader !== undefined && this.nodeOf(leader) !== undefined;
    });
  }

  /** Unplaced followers of this task. */
  pendingFollowersOf(task: Task): readonly Task[] {
    return this.#pendingFollowers.get(`${task.project}/${task.service}/${String(task.slot)}`) ?? [];
  }

  /** Earlier rejected tasks of the slot, newest first. */
  previousRefusals(task: Task): readonly Task[] {
    return this.#slot(task.project, task.service, task.slot).filter(
      (other) => other.id !== task.id && wasRejected(other),
    );
  }

  /** Tasks of the slot that run on a node and may still be needed, newest first. */
  predecessorsOf(task: Task): readonly Task[] {
    return this.#slot(task.project, task.service, task.slot).filter(
      (other) => other.id !== task.id && isWanted(other) && isAssigned(other.status.state),
    );
  }

  /** The node as it will be once the task on it has ended; undefined if it has no such node. */
  candidateWithout(task: Task): Candidate | undefined {
    const candidate = task.nodeId === undefined ? undefined : this.#byId.get(task.nodeId);
    if (candidate === undefined) return undefined;
    const { nanoCpus, memoryBytes } = task.spec.resources.reservations;
    const own = candidate.serviceTasks.get(task.serviceId) ?? 0;
    const ports: UsedPorts = new Map(
      [...candidate.ports].map(([key, addresses]) => [key, [...addresses]]),
    );
    for (const port of wantedPorts(task)) releasePort(ports, hostPortOf(port, port.published ?? 0));
    return {
      ...candidate,
      freeNanoCpus: candidate.freeNanoCpus + nanoCpus,
      freeMemoryBytes: candidate.freeMemoryBytes + memoryBytes,
      tasks: candidate.tasks - 1,
      serviceTasks: new Map(candidate.serviceTasks).set(task.serviceId, own - 1),
      ports,
    };
  }

  /** Counts a task on a node: its reservations and host ports. */
  place(task: Task, candidate: Candidate, ports: readonly HostPort[]): void {
    const { nanoCpus, memoryBytes } = task.spec.resources.reservations;
    this.#placed.set(task.id, candidate.node.id);
    candidate.freeNanoCpus -= nanoCpus;
    candidate.freeMemoryBytes -= memoryBytes;
    candidate.tasks += 1;
    increment(candidate.serviceTasks, task.serviceId);
    for (const port of ports) markPortUsed(candidate.ports, port);
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
    if (hasAnonymousVolumes(task)) this.#countVolumes(task);

    const candidate = task.nodeId === undefined ? undefined : this.#byId.get(task.nodeId);
    if (candidate === undefined || isUnplaced(task)) {
      this.#addFollower(task);
      return;
    }
    const { state, at } = task.status;
    if (isAssigned(state)) {
      const ports = wantedPorts(task).map((port) => hostPortOf(port, port.published ?? 0));
      this.place(task, candidate, ports);
    } else if (isTerminal(state) && now - at < failureMemoryMs) {
      if (state === 'failed' || state === 'rejected') candidate.failures += 1;
      if (wasRejected(task)) increment(candidate.refusals, task.serviceId);
    }
  }

  #countVolumes({ project, service, spec }: Task): void {
    this.#withVolumes.add(`${project}/${service}`);
    for (const { service: leader } of podLinksOf(spec.container)) {
      const key = `${project}/${leader}`;
      const followers = this.#volumeFollowers.get(key);
      if (followers === undefined) this.#volumeFollowers.set(key, new Set([service]));
      else followers.add(service);
    }
  }

  #addFollower(task: Task): void {
    if (isTerminal(task.status.state) || !isWanted(task)) return;
    const leaders = new Set(podLinksOf(task.spec.container).map(({ service }) => service));
    for (const service of leaders) {
      const key = `${task.project}/${service}/${String(task.slot)}`;
      const list = this.#pendingFollowers.get(key);
      if (list === undefined) this.#pendingFollowers.set(key, [task]);
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

function increment(counts: Map<ServiceId, number>, id: ServiceId): void {
  counts.set(id, (counts.get(id) ?? 0) + 1);
}
