import type { NodeId, ServiceId, TaskId } from '../common/model/ids.js';
import type { Volume } from '../common/model/network.js';
import { podLinksOf } from '../common/model/pod.js';
import type { Task } from '../common/model/task.js';
import { isAssigned } from '../common/model/task-state.js';
import type { PlacementView } from '../store/indexes/placement-index.js';
import { isUnplaced } from '../store/indexes/placement-index.js';
import { byNewest, currentTask, isWanted, wasRejected } from '../store/slots.js';
import type { HostPort } from '../store/indexes/used-ports.js';
import { hostPortsOf, markPortUsed, releasePort } from '../store/indexes/used-ports.js';
import type { VolumeHolder } from '../store/volume-holder.js';
import { findVolumeHolder } from '../store/volume-holder.js';
import type { Candidate } from './candidates.js';
import { CandidateCache } from './candidates.js';
import type { SchedulerInput } from './input.js';

/** Nodes with their resources, tasks and volumes, as seen by one decision. */
export class NodeSet {
  /** Ordered by name, then id. */
  readonly candidates: readonly Candidate[];
  readonly #cache: CandidateCache;
  readonly #placement: PlacementView;
  readonly #volumeByName: SchedulerInput['volumeByName'];
  readonly #tasksOfNode: SchedulerInput['tasksOfNode'];
  /** Volumes that this decision has bound to further nodes. */
  readonly #pinned = new Map<string, Volume>();
  /** Tasks that this decision has placed. */
  readonly #placed = new Map<TaskId, NodeId>();
  readonly #placedOnNode = new Map<NodeId, Task[]>();
  /** Maps of candidates with placements; those of the others belong to the store. */
  readonly #changed = new Map<Candidate, OwnMaps>();

  constructor(input: SchedulerInput) {
    const { nodes, placement, volumeByName, now, candidates = new CandidateCache() } = input;
    this.#tasksOfNode = input.tasksOfNode;
    this.#placement = placement;
    this.#volumeByName = volumeByName;
    this.#cache = candidates;
    this.candidates = candidates.read(nodes, placement, now);
  }

  get(id: NodeId): Candidate | undefined {
    const rank = this.#cache.rankOf(id);
    return rank === undefined ? undefined : this.candidates[rank];
  }

  /** Identifies the nodes as they are: another object after a change of a node. */
  get generation(): object {
    return this.#cache.generation;
  }

  volume(name: string): Volume | undefined {
    return this.#pinned.get(name) ?? this.#volumeByName(name);
  }

  /** Tasks of a node with those that this decision has placed on it. */
  tasksOn(id: NodeId): readonly Task[] {
    const placed = this.#placedOnNode.get(id);
    return placed === undefined ? this.#tasksOfNode(id) : [...this.#tasksOfNode(id), ...placed];
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
    const onNodes = this.#slot(project, service, slot).filter((task) => this.#hasNode(task));
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
    const candidate = task.nodeId === undefined ? undefined : this.get(task.nodeId);
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
    const { id } = candidate.node;
    this.#placed.set(task.id, id);
    this.#placedOnNode.set(id, [...(this.#placedOnNode.get(id) ?? []), task]);
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
    this.#cache.markChanged(candidate);
    Object.assign(candidate, own);
    return own;
  }

  #hasNode({ nodeId }: Task): boolean {
    return nodeId !== undefined && this.#cache.rankOf(nodeId) !== undefined;
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

function increment(counts: Map<ServiceId, number>, id: ServiceId): void {
  counts.set(id, (counts.get(id) ?? 0) + 1);
}
