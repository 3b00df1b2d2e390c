import type { Clock } from '../common/base/clock.js';
import type { Logger } from '../common/base/log.js';
import { ReconcileLoop } from '../common/base/loop.js';
import type { TaskId } from '../common/model/ids.js';
import { isWanted } from '../store/slots.js';
import type { Task } from '../common/model/task.js';
import { isAssigned } from '../common/model/task-state.js';
import type { ClusterStore, Commit, StoreView, Transaction } from '../store/store.js';
import type { AddressCursors } from './attach.js';
import { attachTask } from './attach.js';
import { leaseGateways, missingGateways } from './gateways.js';
import type { NetworkCursor } from './networks.js';
import { allocateNetworks, initialCursor, isAllocated } from './networks.js';
import { expiredLeases, releasableLeases } from './release.js';

export interface AllocatorOptions {
  readonly store: ClusterStore;
  readonly clock: Clock;
  readonly log: Logger;
}

const fullResyncMs = 5 * 60_000;

/**
 * Allocates VNIs and subnets to networks, addresses to tasks and gateways to nodes, and releases
 * leases that are no longer needed. Keeps only cursors in memory: the leases in the store say what
 * is in use, and a lease's id names the resource, so that nothing can be allocated twice.
 */
export class Allocator {
  readonly #options: AllocatorOptions;
  readonly #loop: ReconcileLoop;
  #dirty = new Set<TaskId>();
  /** New tasks without addresses; retried when a lease is released or a network changes. */
  readonly #waiting = new Set<TaskId>();
  #sweepDue = true;
  #cancelSweep: (() => void) | undefined;
  #unwatch: (() => void) | undefined;
  readonly #addresses: AddressCursors = new Map();
  #networks: NetworkCursor | undefined;

  constructor(options: AllocatorOptions) {
    this.#options = options;
    const { clock, log } = options;
    this.#loop = new ReconcileLoop({
      name: 'allocator',
      clock,
      log,
      full: {
        everyMs: fullResyncMs,
        mark: () => {
          this.#markAll();
        },
      },
      reconcile: () => this.#turn(),
    });
  }

  start(): void {
    const { store } = this.#options;
    this.#networks = initialCursor(store.view);
    this.#unwatch = store.watch((commit) => {
      this.#onCommit(commit);
    });
    this.#loop.start();
  }

  async stop(): Promise<void> {
    this.#unwatch?.();
    this.#cancelSweep?.();
    await this.#loop.stop();
  }

  #markAll(): void {
    for (const { id } of this.#options.store.view.list('tasks')) this.#dirty.add(id);
    this.#sweepDue = true;
  }

  async #turn(): Promise<void> {
    const { store, clock } = this.#options;
    const [ids, sweep] = [[...this.#dirty].sort(), this.#sweepDue];
    this.#dirty = new Set();
    this.#sweepDue = false;
    if (sweep) this.#scheduleSweep(expiredLeases(store.view, clock.now()).until);
    const isIdle = !ids.some((id) => needsWork(store.view, id)) && !needsNetworks(store.view);
    if (isIdle && !(sweep && expiredLeases(store.view, clock.now()).leases.length > 0)) return;
    try {
      await store.update('allocator', (tx) => {
        this.#write(tx, ids, sweep);
      });
    } catch (error) {
      for (const id of ids) this.#dirty.add(id);
      this.#sweepDue ||= sweep;
      throw error;
    }
  }

  #write(tx: Transaction, ids: readonly TaskId[], sweep: boolean): void {
    if (sweep) for (const lease of expiredLeases(tx, tx.now).leases) tx.remove('leases', lease.id);
    for (const id of ids) {
      for (const lease of releasableLeases(tx, id, tx.get('tasks', id)))
        tx.remove('leases', lease.id);
    }
    if (this.#networks !== undefined) allocateNetworks(tx, this.#networks);
    for (const id of ids) this.#allocate(tx, tx.get('tasks', id), id);
  }

  #allocate(tx: Transaction, task: Task | undefined, id: TaskId): void {
    this.#waiting.delete(id);
    if (task === undefined) return;
    if (isNew(task)) {
      if (!attachTask(tx, task, this.#addresses)) this.#waiting.add(id);
    } else if (isAssigned(task.status.state)) {
      leaseGateways(tx, task);
    }
  }

  #scheduleSweep(until: number | undefined): void {
    this.#cancelSweep?.();
    if (until === undefined) return;
    const { clock } = this.#options;
    this.#cancelSweep = clock.after(Math.max(1, until - clock.now()), () => {
      this.#sweepDue = true;
      this.#loop.trigger();
    });
  }

  #onCommit(commit: Commit): void {
    let poke = false;
    for (const change of commit.changes) {
      switch (change.table) {
        case 'tasks':
          if (isRelevantChange(change.before, change.after)) {
            this.#dirty.add(change.id as TaskId);
            poke = true;
          }
          break;
        case 'networks':
          poke = true;
          this.#retryWaiting();
          break;
        case 'leases':
          if (change.after !== undefined) break;
          poke = this.#onRelease(change.before?.holder.kind) || poke;
          break;
        case 'nodes':
          if (change.before?.status.state === change.after?.status.state) break;
          this.#sweepDue = true;
          poke = true;
          break;
        default:
          break;
      }
    }
    if (poke) this.#loop.trigger();
  }

  #onRelease(kind: string | undefined): boolean {
    this.#retryWaiting();
    // A node released a gateway; a task may have been placed there at the same time.
    if (kind === 'gateway') {
      for (const task of this.#options.store.view.list('tasks')) {
        if (isAssigned(task.status.state)) this.#dirty.add(task.id);
      }
    }
    return this.#dirty.size > 0;
  }

  #retryWaiting(): void {
    for (const id of this.#waiting) this.#dirty.add(id);
  }
}

function isNew(task: Task): boolean {
  return task.status.state === 'new' && isWanted(task);
}

function needsWork(view: StoreView, id: TaskId): boolean {
  const task = view.get('tasks', id);
  if (releasableLeases(view, id, task).length > 0) return true;
  if (task === undefined) return false;
  if (isNew(task)) return true;
  return isAssigned(task.status.state) && missingGateways(view, task).length > 0;
}

function needsNetworks(view: StoreView): boolean {
  return view.list('networks').some((network) => !network.removing && !isAllocated(network));
}

function isRelevantChange(before: Task | undefined, after: Task | undefined): boolean {
  return before?.status.state !== after?.status.state || before?.desired !== after?.desired;
}
