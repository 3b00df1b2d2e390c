import type { Network, Volume } from '../../../../manager/common/model/network.js';
import type { Node } from '../../../../manager/common/model/node.js';
import type { Service } from '../../../../manager/common/model/service.js';
import type { Task } from '../../../../manager/common/model/task.js';
import { isTerminal } from '../../../../manager/common/model/task-state.js';
import type {
  ClusterEvent,
  DataInfo,
  WatchMessage,
} from '../../../../manager/common/protocol/control.js';
import type {
  NodeUsage,
  StatsMessage,
  TaskUsage,
} from '../../../../manager/common/protocol/statistics.js';

const historyLength = 60;
const maxEvents = 2_000;

/** State of the watch stream to the manager. */
export interface ConnectionStatus {
  readonly state: 'connecting' | 'live' | 'lost';
  /** ms since the epoch. */
  readonly since: number;
  readonly message: string;
}

/**
 * The last known state of the cluster. Messages mutate it in place, because copying ten thousand
 * tasks for each message is too slow; `version` and `usageVersion` increase with each change.
 */
export class ClusterState {
  readonly cluster: string;
  readonly services = new Map<string, Service>();
  readonly tasks = new Map<string, Task>();
  readonly nodes = new Map<string, Node>();
  readonly networks = new Map<string, Network>();
  readonly volumes = new Map<string, Volume>();
  readonly secrets = new Map<string, DataInfo>();
  readonly configs = new Map<string, DataInfo>();
  readonly taskUse = new Map<string, TaskUsage>();
  readonly nodeUse = new Map<string, NodeUsage>();
  /** CPU percent of tasks, services and nodes by id, one value per second, newest last. */
  readonly history = new Map<string, number[]>();
  /** Memory in use in bytes, in the same form. */
  readonly memoryHistory = new Map<string, number[]>();
  events: ClusterEvent[] = [];
  connection: ConnectionStatus = { state: 'connecting', since: 0, message: '' };
  /** Time of the last statistics, ms since the epoch; sent each second, so it shows staleness. */
  lastStatsAt = 0;
  managerVersion = '';
  version = 0;
  usageVersion = 0;
  readonly #memo = new Map<string, { readonly version: number; readonly value: unknown }>();

  constructor(cluster: string) {
    this.cluster = cluster;
  }

  applyWatch(message: WatchMessage): void {
    this.version += 1;
    switch (message.kind) {
      case 'snapshot':
        replace(this.services, message.services);
        replace(this.tasks, message.tasks);
        replace(this.nodes, message.nodes);
        replace(this.networks, message.networks);
        replace(this.volumes, message.volumes);
        replace(this.secrets, message.secrets ?? []);
        replace(this.configs, message.configs ?? []);
        return;
      case 'put':
        (this[message.table] as Map<string, typeof message.object>).set(
          message.object.id,
          message.object,
        );
        return;
      case 'remove':
        this[message.table].delete(message.id);
        this.history.delete(message.id);
        this.memoryHistory.delete(message.id);
    }
  }

  applyStats(message: StatsMessage, now: number): void {
    this.usageVersion += 1;
    this.lastStatsAt = now;
    if (message.kind === 'snapshot') {
      const tasks = new Set<string>(message.tasks.map(({ taskId }) => taskId));
      const nodes = new Set<string>(message.nodes.map(({ nodeId }) => nodeId));
      for (const id of this.taskUse.keys()) if (!tasks.has(id)) this.#forget(this.taskUse, id);
      for (const id of this.nodeUse.keys()) if (!nodes.has(id)) this.#forget(this.nodeUse, id);
    }
    for (const id of message.goneTasks) this.#forget(this.taskUse, id);
    for (const id of message.goneNodes) this.#forget(this.nodeUse, id);
    for (const use of message.tasks) overwrite(this.taskUse, use.taskId, use);
    for (const use of message.nodes) overwrite(this.nodeUse, use.nodeId, use);
    this.#remember();
  }

  addEvent(event: ClusterEvent): void {
    this.version += 1;
    this.events.push(event);
    if (this.events.length > maxEvents) this.events = this.events.slice(-maxEvents / 2);
  }

  setConnection(connection: ConnectionStatus): void {
    this.version += 1;
    this.connection = connection;
  }

  /** Caches a value until the next change of the tables. */
  memo<T>(key: string, compute: () => T): T {
    const known = this.#memo.get(key);
    if (known?.version === this.version) return known.value as T;
    const value = compute();
    this.#memo.set(key, { version: this.version, value });
    return value;
  }

  tasksOf(serviceId: string): readonly Task[] {
    const groups = this.memo('tasks-by-service', () =>
      grouped(this.tasks.values(), (task) => task.serviceId),
    );
    return groups.get(serviceId) ?? [];
  }

  tasksOn(nodeId: string): readonly Task[] {
    const groups = this.memo('tasks-by-node', () =>
      grouped(this.tasks.values(), (task) => task.nodeId ?? ''),
    );
    return groups.get(nodeId) ?? [];
  }

  nodeOf(task: Task): Node | undefined {
    return task.nodeId === undefined ? undefined : this.nodes.get(task.nodeId);
  }

  /** The newest task of each slot, and older ones that still run on ready nodes. */
  currentTasks(): readonly Task[] {
    return this.memo('current-tasks', () => {
      const newest = new Map<string, Task>();
      for (const task of this.tasks.values()) {
        const key = `${task.serviceId}/${task.slot}`;
        const known = newest.get(key);
        if (known === undefined || isNewer(task, known)) newest.set(key, task);
      }
      return [...this.tasks.values()].filter(
        (task) =>
          newest.get(`${task.serviceId}/${task.slot}`) === task ||
          (!isTerminal(task.status.state) && this.nodeOf(task)?.status.state === 'ready'),
      );
    });
  }

  #forget(uses: Map<string, unknown>, id: string): void {
    uses.delete(id);
    this.history.delete(id);
    this.memoryHistory.delete(id);
  }

  #remember(): void {
    const services = new Map<string, { cpuPercent: number; memoryBytes: number }>();
    for (const [id, use] of this.taskUse) {
      this.#push(id, use.cpuPercent, use.memoryBytes);
      const service = this.tasks.get(id)?.serviceId;
      if (service === undefined) continue;
      const sum = services.get(service) ?? { cpuPercent: 0, memoryBytes: 0 };
      sum.cpuPercent += use.cpuPercent;
      sum.memoryBytes += use.memoryBytes;
      services.set(service, sum);
    }
    for (const [id, sum] of services) this.#push(id, sum.cpuPercent, sum.memoryBytes);
    for (const [id, use] of this.nodeUse) this.#push(id, use.cpuPercent, use.memoryUsedBytes);
  }

  #push(id: string, cpuPercent: number, memoryBytes: number): void {
    append(this.history, id, cpuPercent);
    append(this.memoryHistory, id, memoryBytes);
  }
}

function append(history: Map<string, number[]>, id: string, value: number): void {
  const values = history.get(id);
  if (values === undefined) history.set(id, [value]);
  else if (values.push(value) > historyLength) values.shift();
}

/**
 * Overwrites the previous figures in place: ten thousand new objects per second would survive long
 * enough to reach the old generation and fill the heap.
 */
function overwrite<T extends object>(uses: Map<string, T>, id: string, use: T): void {
  const known = uses.get(id);
  if (known === undefined) uses.set(id, use);
  else Object.assign(known, use);
}

/** Live tasks take precedence over ended ones, then newer over older. */
function isNewer(a: Task, b: Task): boolean {
  const [aEnded, bEnded] = [isTerminal(a.status.state), isTerminal(b.status.state)];
  if (aEnded !== bEnded) return bEnded;
  return a.createdAt > b.createdAt || (a.createdAt === b.createdAt && a.id > b.id);
}

function replace<T extends { readonly id: string }>(
  table: Map<string, T>,
  objects: readonly T[],
): void {
  table.clear();
  for (const object of objects) table.set(object.id, object);
}

export function grouped<T>(
  items: Iterable<T>,
  keyOf: (item: T) => string,
): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
