import type { NodeId, ServiceId, TaskId } from '../common/model/ids.js';
import type { Volume } from '../common/model/network.js';
import type { Node } from '../common/model/node.js';
import { podLinksOf } from '../common/model/pod.js';
import type { Task } from '../common/model/task.js';
import { isAssigned } from '../common/model/task-state.js';
import type { NodeInfo, PlacementView } from '../store/indexes/placement-index.js';
import { isUnplaced } from '../store/indexes/placement-index.js';
import { byNewest, currentTask, isWanted, wasRejected } from '../store/slots.js';
import type { HostPort, UsedPorts } from '../store/indexes/used-ports.js';
import { hostPortsOf, markPortUsed, releasePort } from '../store/indexes/used-ports.js';
import type { VolumeHolder } from '../store/volume-holder.js';
import { findVolumeHolder } from '../store/volume-holder.js';
import type { SchedulerInput } from './input.js';

/** A node with its free resources; updated as tasks are placed within one decision. */
export interface Candidate {
  readonly node: Node;
  freeNanoCpus: number;
  freeMemoryBytes: number;
  tasks: number;
  /** Recent failures on the node, of all services. */
  readonly failures: number;
  serviceTasks: ReadonlyMap<ServiceId, number>;
  /** Recent rejections by the node or its engine, by service. */
  readonly refusals: ReadonlyMap<ServiceId, number>;
  ports: UsedPorts;
}

/** Time for which a failure counts against its node, ms. */
const failureMemoryMs = 5 * 60_000;

/** Nodes with their resources, tasks and volumes, as seen by one decision. */
export class NodeSet {
  /** Ordered by name, then id. */
  readonly candidates: readonly Candidate[];
  readonly #byId: ReadonlyMap<NodeId, Candidate>;
  readonly #placement: PlacementView;
  readonly #volumeByName: SchedulerInput['volumeByName'];
  /** Volumes that this decision has bound to further nodes. */
  readonly #pinned = new Map<string, Volume>();
  /** Tasks that this decision has placed. */
  readonly #placed = new Map<TaskId, NodeId>();
  /** Maps of candidates with placements; those of the others belong to the store. */
  readonly #changed = new Map<Candidate, OwnMaps>();

  constructor({ nodes, placement, volumeByName, now }: SchedulerInput) {
    this.#placement = placement;
    this.#volumeByName = volumeByName;
    this.candidates = sortedByName(nodes).map((node) =>
      candidateOf(node, placement.nodeInfo(node.id), now),
    );
    this.#byId = new Map(this.candidates.map((candidate) => [candidate.node.id, candidate]));
  }

  get(id: NodeId): Candidate | undefined {
    return this.#byId.get(id);
  }

  volume(name: string): Volume | undefined {
    return this.#pinned.get(name) ?? this.#volumeByName(name);
  }

  /** Binds the volume to a further node. */
  pin(volume: Volume, nodeId: NodeId): void {
    const nodeIds = [...volume.nodeIds, nodeId];
    this.#pinned.set(volume.spec.name, { ...volume, nodeIds });
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
    return this.#placement.volumeFollowers(project, service).flatMap((follower) => {
      const current = this.current(project, follower, slot);
      return (current && this.#volumeHolder(current)) ?? [];
    });
  }

  /** Ignores volumes of nodes that have left the cluster. */
  #volumeHolder({ project, service, slot, spec }: Task): VolumeHolder | undefined {
    if (!this.#placement.hasVolumes(project, service)) return undefined;
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

  /** Unplaced followers of this task, and those whose node has left the cluster. */
  pendingFollowersOf({ project, service, slot }: Task): readonly Task[] {
    return this.#placement
      .followersOfSlot(project, service, slot)
      .filter((task) => isUnplaced(task) || !this.#hasNode(task));
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
    const ports = new Map(candidate.ports);
    for (const port of hostPortsOf(task)) releasePort(ports, port);
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
    const own = this.#ownMaps(candidate);
    this.#placed.set(task.id, candidate.node.id);
    candidate.freeNanoCpus -= nanoCpus;
    candidate.freeMemoryBytes -= memoryBytes;
    candidate.tasks += 1;
    increment(own.serviceTasks, task.serviceId);
    for (const port of ports) markPortUsed(own.ports, port);
  }

  /** The maps of a candidate, which are copies of the store's from its first placement on. */
  #ownMaps(candidate: Candidate): OwnMaps {
    let own = this.#changed.get(candidate);
    if (own !== undefined) return own;
    own = { serviceTasks: new Map(candidate.serviceTasks), ports: new Map(candidate.ports) };
    this.#changed.set(candidate, own);
    Object.assign(candidate, own);
    return own;
  }

  #hasNode({ nodeId }: Task): boolean {
    return nodeId !== undefined && this.#byId.has(nodeId);
  }

  /** Tasks of a slot, newest first. */
  #slot(project: string, service: string, slot: number): readonly Task[] {
    return [...this.#placement.tasksOfSlot(project, service, slot)].sort(byNewest);
  }
}

interface OwnMaps {
  readonly serviceTasks: Map<ServiceId, number>;
  readonly ports: Map<string, readonly string[]>;
}

const noTasks: NodeInfo = {
  ...{ nanoCpus: 0, memoryBytes: 0, tasks: 0 },
  ...{ serviceTasks: new Map(), ports: new Map(), failed: new Map() },
};

const noRefusals: ReadonlyMap<ServiceId, number> = new Map();

function candidateOf(node: Node, info = noTasks, now: number): Candidate {
  const { failed, nanoCpus, memoryBytes, tasks, serviceTasks, ports } = info;
  return {
    node,
    freeNanoCpus: node.description.nanoCpus - nanoCpus,
    freeMemoryBytes: node.description.memoryBytes - memoryBytes,
    tasks,
    ...recentFailures(failed, now),
    serviceTasks,
    ports,
  };
}

function recentFailures(
  failed: NodeInfo['failed'],
  now: number,
): Pick<Candidate, 'failures' | 'refusals'> {
  if (failed.size === 0) return { failures: 0, refusals: noRefusals };
  const recent = [...failed.values()].filter(({ status }) => now - status.at < failureMemoryMs);
  const refusals = new Map<ServiceId, number>();
  for (const task of recent) if (wasRejected(task)) increment(refusals, task.serviceId);
  return { failures: recent.length, refusals };
}

/** Nodes in order of their names, by the list of the store: each change of a node makes a new list. */
const sortedLists = new WeakMap<readonly Node[], readonly Node[]>();

function sortedByName(nodes: readonly Node[]): readonly Node[] {
  let sorted = sortedLists.get(nodes);
  if (sorted === undefined) sortedLists.set(nodes, (sorted = [...nodes].sort(byName)));
  return sorted;
}

function byName(a: Node, b: Node): number {
  if (a.spec.name !== b.spec.name) return a.spec.name < b.spec.name ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

function increment(counts: Map<ServiceId, number>, id: ServiceId): void {
  counts.set(id, (counts.get(id) ?? 0) + 1);
}
