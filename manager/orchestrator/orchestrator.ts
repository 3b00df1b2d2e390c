import type { Clock } from '../common/base/clock.js';
import { messageOf } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import { ReconcileLoop } from '../common/base/loop.js';
import type { NewId } from '../common/base/random.js';
import type { ServiceId } from '../common/model/ids.js';
import type { Node } from '../common/model/node.js';
import { podLinksOf } from '../common/model/pod.js';
import type { Service } from '../common/model/service.js';
import type { Task } from '../common/model/task.js';
import type { ClusterStore, Commit, StoreView, Transaction } from '../store/store.js';
import { writeTaskChanges } from './apply.js';
import type { TaskChange } from './task-change.js';
import { unusedNetworks, readServiceSnapshot, nodesById } from './read-snapshot.js';
import { reconcile } from './reconcile.js';
import type { ServiceSnapshot } from './service-snapshot.js';

type Context = Pick<ServiceSnapshot, 'nodes' | 'now'>;

export interface OrchestratorOptions {
  readonly store: ClusterStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly newId: NewId;
}

const fullResyncMs = 5 * 60_000;

/**
 * Keeps the slots of every service filled. Wakes for services affected by a commit and for due
 * waits.
 */
export class Orchestrator {
  readonly #options: OrchestratorOptions;
  readonly #loop: ReconcileLoop;
  #dirty = new Set<ServiceId>();
  #networksDirty = true;
  readonly #wakeups = new Map<ServiceId, () => void>();
  #unwatch: (() => void) | undefined;

  constructor(options: OrchestratorOptions) {
    this.#options = options;
    const { clock, log } = options;
    this.#loop = new ReconcileLoop({
      name: 'orchestrator',
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
    this.#unwatch = this.#options.store.watch((commit) => {
      this.#onCommit(commit);
    });
    this.#loop.start();
  }

  async stop(): Promise<void> {
    this.#unwatch?.();
    for (const cancel of this.#wakeups.values()) cancel();
    await this.#loop.stop();
  }

  #markAll(): void {
    for (const { id } of this.#options.store.view.list('services')) this.#dirty.add(id);
    this.#networksDirty = true;
  }

  async #turn(): Promise<void> {
    const { store, clock } = this.#options;
    const ids = [...this.#dirty];
    this.#dirty = new Set();
    const hasEmptyNetworks = this.#networksDirty && unusedNetworks(store.view).length > 0;
    this.#networksDirty = false;
    const context = { nodes: nodesById(store.view), now: clock.now() };
    const changed = ids.filter((id) => this.#decide(store.view, id, context).some(isWrite));
    if (changed.length === 0 && !hasEmptyNetworks) return;
    try {
      await store.update('orchestrator', (tx) => {
        this.#write(tx, changed);
      });
    } catch (error) {
      for (const id of ids) this.#dirty.add(id);
      this.#networksDirty = true;
      throw error;
    }
  }

  /** Decides again inside the transaction, where concurrent writes are visible. */
  #write(tx: Transaction, ids: readonly ServiceId[]): void {
    const { newId } = this.#options;
    const context = { nodes: nodesById(tx), now: tx.now };
    for (const id of ids) writeTaskChanges(tx, id, this.#decide(tx, id, context), newId);
    for (const id of unusedNetworks(tx)) {
      for (const lease of tx.leasesOfNetwork(id)) tx.remove('leases', lease.id);
      tx.remove('networks', id);
    }
  }

  #decide(view: StoreView, id: ServiceId, context: Context): readonly TaskChange[] {
    const snapshot = readServiceSnapshot(view, id, context);
    let changes: readonly TaskChange[] = [];
    try {
      changes = snapshot === undefined ? [] : reconcile(snapshot);
    } catch (error) {
      // An error in one service must not block the others.
      this.#options.log.error(`orchestrator: cannot reconcile service ${id}: ${messageOf(error)}`);
    }
    this.#scheduleWakeup(id, changes, context.now);
    return changes;
  }

  #scheduleWakeup(id: ServiceId, changes: readonly TaskChange[], now: number): void {
    this.#wakeups.get(id)?.();
    this.#wakeups.delete(id);
    const due = changes.flatMap((change) => (change.kind === 'wait' ? [change.until] : []));
    if (due.length === 0) return;
    const cancel = this.#options.clock.after(Math.max(1, Math.min(...due) - now), () => {
      this.#wakeups.delete(id);
      this.#dirty.add(id);
      this.#loop.trigger();
    });
    this.#wakeups.set(id, cancel);
  }

  #onCommit(commit: Commit): void {
    for (const change of commit.changes) {
      switch (change.table) {
        case 'services':
          this.#onServiceChange(change.after ?? change.before);
          break;
        case 'tasks':
          this.#onTaskChange(change.before, change.after);
          break;
        case 'nodes':
          this.#onNodeChange(change.before, change.after);
          break;
        case 'networks':
          this.#networksDirty = true;
          break;
        case 'leases':
          if (change.after === undefined) this.#networksDirty = true;
          break;
        default:
          break;
      }
    }
    if (this.#dirty.size > 0 || this.#networksDirty) this.#loop.trigger();
  }

  #onServiceChange(service: Service | undefined): void {
    if (service === undefined) return;
    this.#dirty.add(service.id);
    this.#networksDirty = true;
    this.#markDependents(service.spec.project, service.spec.service);
  }

  #onTaskChange(before: Task | undefined, after: Task | undefined): void {
    const task = after ?? before;
    if (task === undefined || isUnchangedTask(before, after)) return;
    this.#dirty.add(task.serviceId);
    if (after === undefined) this.#networksDirty = true;
    this.#markDependents(task.project, task.service);
  }

  #markDependents(project: string, key: string): void {
    for (const { id, spec, dependenciesMet } of this.#options.store.view.servicesOfProject(
      project,
    )) {
      const isFollower = podLinksOf(spec.task.container).some((tie) => tie.service === key);
      const isDependent = !dependenciesMet && spec.dependsOn.some((each) => each.service === key);
      if (isFollower || isDependent) this.#dirty.add(id);
    }
  }

  #onNodeChange(before: Node | undefined, after: Node | undefined): void {
    const node = after ?? before;
    if (node === undefined) return;
    const isUnchanged =
      before?.spec === after?.spec &&
      before?.description === after?.description &&
      before?.status.state === after?.status.state;
    if (isUnchanged) return;
    const { view } = this.#options.store;
    for (const task of view.tasksOfNode(node.id)) this.#dirty.add(task.serviceId);
    for (const { id, spec } of view.list('services')) {
      if (spec.mode.kind === 'global') this.#dirty.add(id);
    }
    this.#networksDirty = true;
  }
}

function isWrite(change: TaskChange): boolean {
  return change.kind !== 'wait';
}

function isUnchangedTask(before: Task | undefined, after: Task | undefined): boolean {
  if (before === undefined || after === undefined) return false;
  return (
    before.status.state === after.status.state &&
    before.status.health === after.status.health &&
    before.status.startedAt === after.status.startedAt &&
    before.desired === after.desired &&
    before.nodeId === after.nodeId
  );
}
