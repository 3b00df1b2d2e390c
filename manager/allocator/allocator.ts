import { randomInt } from 'node:crypto';
import type { Clock } from '../common/base/clock.js';
import { KeyedLoop } from '../common/base/keyed-loop.js';
import type { Logger } from '../common/base/log.js';
import type { NodeId, TaskId } from '../common/model/ids.js';
import { isWanted } from '../store/slots.js';
import type { Lease } from '../common/model/network.js';
import type { Task } from '../common/model/task.js';
import { isAssigned } from '../common/model/task-state.js';
import type { ClusterStore, Commit, StoreChange, StoreView, Transaction } from '../store/store.js';
import type { AddressCursors } from './attach.js';
import { attachLater, attachTask, missingAttachments } from './attach.js';
import { leaseGateways, missingGateways } from './gateways.js';
import type { NetworkCursor } from './networks.js';
import { allocateNetworks, initialCursor, isAllocated } from './networks.js';
import { expiredLeases, releasableLeases } from './release.js';
import type { RandomBelow } from './vni.js';

export interface AllocatorOptions {
  readonly store: ClusterStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** Source of VNIs; defaults to the system's. */
  readonly randomBelow?: RandomBelow;
}

const resyncMs = 5 * 60_000;

/** Key of the leases of a node, which may expire. */
type NodeKey = `node/${NodeId}`;

/**
 * Keys of the loop: tasks by id, the tasks that wait for an address, networks without a subnet, and
 * leases that expire, of one node or all.
 */
type AllocatorKey = TaskId | 'waiting tasks' | 'networks' | 'expired leases' | NodeKey;

/**
 * Allocates VNIs and subnets to networks, addresses to tasks and gateways to nodes, and releases
 * leases that are no longer needed. Keeps only cursors in memory: the leases in the store say what
 * is in use, and a lease's id names the resource, so that nothing can be allocated twice.
 */
export class Allocator {
  readonly #options: AllocatorOptions;
  readonly #loop: KeyedLoop<AllocatorKey, Commit>;
  /** New tasks without addresses; retried when a lease is released or a network changes. */
  readonly #waiting = new Set<TaskId>();
  readonly #addresses: AddressCursors = new Map();
  readonly #gateways: AddressCursors = new Map();
  #networks: NetworkCursor | undefined;

  constructor(options: AllocatorOptions) {
    this.#options = options;
    const { store, clock, log } = options;
    this.#loop = new KeyedLoop<AllocatorKey, Commit>({
      name: 'allocator',
      clock,
      log,
      feed: {
        source: store,
        affected: ({ changes }) => changes.flatMap((change) => this.#affected(change)),
      },
      resync: {
        everyMs: resyncMs,
        keys: () => [...store.view.list('tasks').map(({ id }) => id), 'networks', 'expired leases'],
      },
      reconcile: (keys) => this.#turn(keys),
    });
  }

  start(): void {
    this.#networks = initialCursor(this.#options.store.view);
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  async #turn(keys: ReadonlySet<AllocatorKey>): Promise<void> {
    const { store, clock } = this.#options;
    const waiting = keys.has('waiting tasks') ? this.#waiting : [];
    const turn: Turn = {
      tasks: [...new Set([...[...keys].filter(isTaskKey), ...waiting])].sort(),
      networks: keys.has('networks'),
      leases: [...keys].filter(isLeaseKey),
    };
    const expired = turn.leases.flatMap((key) => this.#expired(key, clock.now()));
    const isIdle =
      !turn.tasks.some((id) => needsWork(store.view, id)) &&
      !(turn.networks && needsNetworks(store.view));
    if (isIdle && expired.length === 0) return;
    await store.update('allocator', (tx) => {
      this.#write(tx, turn);
    });
  }

  /** Leases of a key that have expired; schedules the next sweep. */
  #expired(key: LeaseKey, now: number): readonly Lease[] {
    const { view } = this.#options.store;
    const { leases, until } = expiredLeases(view, now, leasesOf(view, key));
    const delayMs = until === undefined ? undefined : Math.max(1, until - now);
    this.#loop.markAfter(key, delayMs);
    return leases;
  }

  #write(tx: Transaction, { tasks: ids, networks, leases }: Turn): void {
    for (const key of leases)
      for (const lease of expiredLeases(tx, tx.now, leasesOf(tx, key)).leases)
        tx.remove('leases', lease.id);
    for (const id of ids) {
      for (const lease of releasableLeases(tx, id, tx.get('tasks', id)))
        tx.remove('leases', lease.id);
    }
    const { randomBelow = randomInt } = this.#options;
    if (networks && this.#networks !== undefined) allocateNetworks(tx, this.#networks, randomBelow);
    for (const id of ids) this.#allocate(tx, tx.get('tasks', id), id);
  }

  #allocate(tx: Transaction, task: Task | undefined, id: TaskId): void {
    this.#waiting.delete(id);
    if (task === undefined) return;
    if (isNew(task)) {
      if (!attachTask(tx, task, this.#addresses)) this.#waiting.add(id);
    } else if (isAssigned(task.status.state)) {
      if (missingAttachments(task).length > 0) attachLater(tx, task, this.#addresses);
      leaseGateways(tx, tx.get('tasks', id) ?? task, this.#gateways);
    }
  }

  #affected(change: StoreChange): readonly AllocatorKey[] {
    switch (change.table) {
      case 'tasks':
        return isRelevantChange(change.before, change.after) ? [change.id as TaskId] : [];
      case 'networks':
        return ['networks', 'waiting tasks'];
      case 'leases':
        return change.after === undefined ? this.#affectedByRelease(change.before) : [];
      case 'nodes':
        return change.before?.status.state === change.after?.status.state
          ? []
          : [`node/${change.id as NodeId}`];
      default:
        return [];
    }
  }

  #affectedByRelease(lease: Lease | undefined): readonly AllocatorKey[] {
    if (lease?.holder.kind !== 'gateway') return ['waiting tasks'];
    // A node released a gateway; a task may have been placed there at the same time.
    const assigned = this.#options.store.view
      .tasksOfNode(lease.holder.nodeId)
      .filter((task) => isAssigned(task.status.state))
      .map(({ id }) => id);
    return ['waiting tasks', ...assigned];
  }
}

type LeaseKey = 'expired leases' | NodeKey;

/** Work of one turn. */
interface Turn {
  readonly tasks: readonly TaskId[];
  readonly networks: boolean;
  readonly leases: readonly LeaseKey[];
}

function isLeaseKey(key: AllocatorKey): key is LeaseKey {
  return key === 'expired leases' || key.startsWith('node/');
}

function isTaskKey(key: AllocatorKey): key is TaskId {
  return key !== 'networks' && key !== 'waiting tasks' && !isLeaseKey(key);
}

function leasesOf(view: StoreView, key: LeaseKey): readonly Lease[] {
  return key === 'expired leases'
    ? view.list('leases')
    : view.leasesOfNode(key.slice('node/'.length) as NodeId);
}

function isNew(task: Task): boolean {
  return task.status.state === 'new' && isWanted(task);
}

function needsWork(view: StoreView, id: TaskId): boolean {
  const task = view.get('tasks', id);
  if (releasableLeases(view, id, task).length > 0) return true;
  if (task === undefined) return false;
  if (isNew(task)) return true;
  if (!isAssigned(task.status.state)) return false;
  return missingAttachments(task).length > 0 || missingGateways(view, task).length > 0;
}

function needsNetworks(view: StoreView): boolean {
  return view.list('networks').some((network) => !network.removing && !isAllocated(network));
}

function isRelevantChange(before: Task | undefined, after: Task | undefined): boolean {
  return (
    before?.status.state !== after?.status.state ||
    before?.desired !== after?.desired ||
    before?.spec.networks !== after?.spec.networks ||
    before?.status.addresses?.join() !== after?.status.addresses?.join()
  );
}
