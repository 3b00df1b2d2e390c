import type { NodeId, ServiceId, TaskId } from '../../common/model/ids.js';
import { podLinksOf } from '../../common/model/pod.js';
import type { Task } from '../../common/model/task.js';
import { isAssigned, isTerminal } from '../../common/model/task-state.js';
import { KeyedIndex } from './keyed-index.js';
import { isPlaceable, isWanted } from '../slots.js';
import type { UsedPorts } from './used-ports.js';
import { hostPortsOf, markPortUsed, releasePort } from './used-ports.js';
import { hasAnonymousVolumes } from '../volume-holder.js';

/** Sums over the tasks that a node has, and its ended tasks that failed. */
export interface NodeInfo {
  /** Differs after each change, from that of every other node too. */
  readonly version: number;
  /** Reservations. */
  readonly nanoCpus: number;
  readonly memoryBytes: number;
  readonly tasks: number;
  readonly serviceTasks: ReadonlyMap<ServiceId, number>;
  readonly ports: UsedPorts;
  /** Tasks that ended as `failed` or `rejected`, until their records are deleted. */
  readonly failed: ReadonlyMap<TaskId, Task>;
}

/**
 * Facts about tasks that placements depend on, kept up to date with each change: a placement reads
 * them instead of all tasks. Lists are sorted by id.
 */
export interface PlacementView {
  /** Tasks to place. */
  placeableTasks(): readonly Task[];
  nodeInfo(id: NodeId): NodeInfo | undefined;
  tasksOfSlot(project: string, service: string, slot: number): readonly Task[];
  /** Wanted tasks, not ended, that share namespaces or volumes with the task of a slot. */
  followersOfSlot(project: string, service: string, slot: number): readonly Task[];
  /** Whether a task of the service has, or asks for, anonymous volumes. */
  hasVolumes(project: string, service: string): boolean;
  /** Services with anonymous volumes whose tasks follow those of this service, sorted. */
  volumeFollowers(project: string, service: string): readonly string[];
}

/** Whether a task has no node to run on yet; it may be preset to one. */
export function isUnplaced({ status }: Task): boolean {
  return status.state === 'new' || status.state === 'pending';
}

const placeableKey = 'placeable';

function serviceKey(project: string, service: string): string {
  return `${project}/${service}`;
}

function slotKey(project: string, service: string, slot: number): string {
  return `${project}/${service}/${String(slot)}`;
}

const none: readonly string[] = [];

/** The services whose tasks of the same slot this task must be placed with. */
function leadersOf({ spec }: Task): readonly string[] {
  const links = podLinksOf(spec.container);
  return links.length === 0 ? none : [...new Set(links.map(({ service }) => service))];
}

/** The slots with whose tasks a task must be placed. */
function followedSlots(task: Task): readonly string[] {
  if (isTerminal(task.status.state) || !isWanted(task)) return none;
  return leadersOf(task).map((leader) => slotKey(task.project, leader, task.slot));
}

export class PlacementIndex implements PlacementView {
  readonly #nodes = new Map<NodeId, NodeTasks>();
  #version = 0;
  readonly #placeable: KeyedIndex<Task>;
  readonly #slots: KeyedIndex<Task>;
  readonly #followers: KeyedIndex<Task>;
  readonly #withVolumes: KeyedIndex<Task>;
  readonly #volumeFollowers: KeyedIndex<Task>;

  /** `get` returns the present task of an id. */
  constructor(get: (id: string) => Task | undefined) {
    this.#placeable = new KeyedIndex((task) => (isPlaceable(task) ? [placeableKey] : none), get);
    this.#slots = new KeyedIndex((task) => [slotKey(task.project, task.service, task.slot)], get);
    this.#followers = new KeyedIndex(followedSlots, get);
    this.#withVolumes = new KeyedIndex(
      (task) => (hasAnonymousVolumes(task) ? [serviceKey(task.project, task.service)] : none),
      get,
    );
    this.#volumeFollowers = new KeyedIndex(
      (task) =>
        hasAnonymousVolumes(task)
          ? leadersOf(task).map((leader) => serviceKey(task.project, leader))
          : none,
      get,
    );
  }

  /** Takes up a change of a task; undefined `before` is a new task, undefined `after` a deleted one. */
  change(before: Task | undefined, after: Task | undefined): void {
    if (before !== undefined) this.#count(before, -1);
    if (after !== undefined) this.#count(after, 1);
    this.#placeable.change(before, after);
    this.#slots.change(before, after);
    this.#followers.change(before, after);
    this.#withVolumes.change(before, after);
    this.#volumeFollowers.change(before, after);
  }

  placeableTasks(): readonly Task[] {
    return this.#placeable.list(placeableKey);
  }

  nodeInfo(id: NodeId): NodeInfo | undefined {
    return this.#nodes.get(id);
  }

  tasksOfSlot(project: string, service: string, slot: number): readonly Task[] {
    return this.#slots.list(slotKey(project, service, slot));
  }

  followersOfSlot(project: string, service: string, slot: number): readonly Task[] {
    return this.#followers.list(slotKey(project, service, slot));
  }

  hasVolumes(project: string, service: string): boolean {
    return this.#withVolumes.has(serviceKey(project, service));
  }

  volumeFollowers(project: string, service: string): readonly string[] {
    const tasks = this.#volumeFollowers.list(serviceKey(project, service));
    return [...new Set(tasks.map((task) => task.service))].sort();
  }

  #count(task: Task, by: 1 | -1): void {
    if (task.nodeId === undefined || isUnplaced(task)) return;
    let info = this.#nodes.get(task.nodeId);
    if (info === undefined) this.#nodes.set(task.nodeId, (info = new NodeTasks()));
    info.count(task, by);
    info.version = this.#version += 1;
    if (info.isEmpty) this.#nodes.delete(task.nodeId);
  }
}

class NodeTasks implements NodeInfo {
  version = 0;
  nanoCpus = 0;
  memoryBytes = 0;
  tasks = 0;
  readonly serviceTasks = new Map<ServiceId, number>();
  readonly ports = new Map<string, readonly string[]>();
  readonly failed = new Map<TaskId, Task>();

  get isEmpty(): boolean {
    return this.tasks === 0 && this.failed.size === 0;
  }

  count(task: Task, by: 1 | -1): void {
    const { state } = task.status;
    if (isAssigned(state)) {
      this.#countAssigned(task, by);
    } else if (state === 'failed' || state === 'rejected') {
      if (by === 1) this.failed.set(task.id, task);
      else this.failed.delete(task.id);
    }
  }

  #countAssigned(task: Task, by: 1 | -1): void {
    const { nanoCpus, memoryBytes } = task.spec.resources.reservations;
    this.nanoCpus += by * nanoCpus;
    this.memoryBytes += by * memoryBytes;
    this.tasks += by;
    const own = (this.serviceTasks.get(task.serviceId) ?? 0) + by;
    if (own === 0) this.serviceTasks.delete(task.serviceId);
    else this.serviceTasks.set(task.serviceId, own);
    for (const port of hostPortsOf(task)) {
      if (by === 1) markPortUsed(this.ports, port);
      else releasePort(this.ports, port);
    }
  }
}
