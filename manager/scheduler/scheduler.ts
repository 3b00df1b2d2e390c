import type { Clock } from '../common/base/clock.js';
import { KeyedLoop } from '../common/base/keyed-loop.js';
import type { Logger } from '../common/base/log.js';
import type { TaskId } from '../common/model/ids.js';
import { portLeaseId } from '../common/model/network.js';
import { hasPodLinks } from '../common/model/pod.js';
import type { Task } from '../common/model/task.js';
import { isTerminal } from '../common/model/task-state.js';
import { isPlaceable } from '../store/slots.js';
import type { ClusterStore, Commit, StoreChange, Transaction } from '../store/store.js';
import type { Decision, PlacementDecision, Postponement } from './decide.js';
import { decide } from './decide.js';
import { sameExplanation } from './explain.js';
import type { SchedulerInput, Strategy } from './input.js';

export interface SchedulerOptions {
  readonly store: ClusterStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** Defaults to `spread`. */
  readonly strategy?: Strategy;
  /** Seed of `random`; combined with the store's index, so that each decision differs. */
  readonly seed?: number;
}

/** Counters since the scheduler started. */
export interface SchedulerCounts {
  readonly decisions: number;
  /** Time spent on decisions, without writes. */
  readonly seconds: number;
  readonly longestSeconds: number;
  readonly placed: number;
  readonly postponed: number;
  /** Tasks that are pending now. */
  readonly pending: number;
}

const resyncMs = 5 * 60_000;

/** The only key: all pending tasks are decided together. */
const pendingKey = 'pending tasks';

/**
 * Places pending tasks. Decides about all of them together when a task becomes pending or when a
 * change may make room: a node, an ended task, a volume.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #loop: KeyedLoop<typeof pendingKey, Commit>;
  readonly #pending = new Set<TaskId>();
  /** Pending followers. */
  readonly #followers = new Set<TaskId>();
  readonly #counts = { decisions: 0, seconds: 0, longestSeconds: 0, placed: 0, postponed: 0 };

  constructor(options: SchedulerOptions) {
    this.#options = options;
    const { store, clock, log } = options;
    this.#loop = new KeyedLoop<typeof pendingKey, Commit>({
      name: 'scheduler',
      clock,
      log,
      feed: { source: store, affected: (commit) => this.#affected(commit) },
      resync: { everyMs: resyncMs, keys: () => this.#resync() },
      reconcile: () => this.#turn(),
    });
  }

  get counts(): SchedulerCounts {
    return { ...this.#counts, pending: this.#pending.size };
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  /** Reads the pending tasks again from the store. */
  #resync(): readonly (typeof pendingKey)[] {
    this.#pending.clear();
    this.#followers.clear();
    for (const task of this.#options.store.view.list('tasks')) this.#onTaskChange(undefined, task);
    return [pendingKey];
  }

  async #turn(): Promise<void> {
    if (this.#pending.size === 0) return;
    await this.#options.store.update('scheduler', (tx) => {
      const startedAt = performance.now();
      const decisions = decide(this.#input(tx));
      this.#count(decisions, (performance.now() - startedAt) / 1000);
      for (const decision of decisions) {
        if (decision.kind === 'place') writePlacement(tx, decision);
        else writePostponement(tx, decision);
      }
    });
  }

  #count(decisions: readonly Decision[], seconds: number): void {
    const placed = decisions.filter(({ kind }) => kind === 'place').length;
    this.#counts.decisions += 1;
    this.#counts.seconds += seconds;
    this.#counts.longestSeconds = Math.max(this.#counts.longestSeconds, seconds);
    this.#counts.placed += placed;
    this.#counts.postponed += decisions.length - placed;
  }

  #input(tx: Transaction): SchedulerInput {
    const { strategy = 'spread', seed = 0 } = this.#options;
    return {
      nodes: tx.list('nodes'),
      placement: tx.placement,
      volumeByName: (name) => tx.volumeByName(name),
      now: tx.now,
      strategy,
      seed: seed + tx.index,
    };
  }

  #affected(commit: Commit): readonly (typeof pendingKey)[] {
    let mustDecide = false;
    for (const change of commit.changes) {
      if (change.table === 'tasks')
        mustDecide = this.#onTaskChange(change.before, change.after) || mustDecide;
      else mustDecide = mayMakeRoom(change) || mustDecide;
    }
    return mustDecide && this.#pending.size > 0 ? [pendingKey] : [];
  }

  /**
   * Returns whether to decide again: the task became pending, or its change may help a pending
   * task.
   */
  #onTaskChange(before: Task | undefined, after: Task | undefined): boolean {
    const task = after ?? before;
    if (task === undefined) return false;
    if (after !== undefined && isPlaceable(after)) {
      this.#pending.add(after.id);
      if (hasPodLinks(after.spec.container)) this.#followers.add(after.id);
      return before === undefined || !isPlaceable(before);
    }
    this.#pending.delete(task.id);
    this.#followers.delete(task.id);
    const from = before?.status.state;
    const to = after?.status.state;
    if (from === to) return false;
    // An ended task makes room; an assigned one may be the leader that a follower waits for.
    if (to === 'assigned') return this.#followers.size > 0;
    return to === undefined || isTerminal(to);
  }
}

function mayMakeRoom(change: StoreChange): boolean {
  switch (change.table) {
    case 'nodes':
      return (
        change.before?.spec !== change.after?.spec ||
        change.before?.description !== change.after?.description ||
        change.before?.status.state !== change.after?.status.state
      );
    case 'volumes':
      return true;
    default:
      return false;
  }
}

function writePlacement(tx: Transaction, placement: PlacementDecision): void {
  const task = tx.get('tasks', placement.taskId);
  if (task === undefined) return;
  for (const { protocol, port, hostIp } of placement.ports) {
    const id = portLeaseId(placement.nodeId, protocol, port, hostIp);
    const holder = { kind: 'task', taskId: task.id } as const;
    const lease = tx.get('leases', id);
    // An ended task's lease may not be released yet; the decision counted its port as free.
    if (lease === undefined) tx.create('leases', { id, holder });
    else tx.put('leases', { ...lease, holder });
  }
  for (const id of placement.volumeIds) {
    const volume = tx.get('volumes', id);
    if (volume === undefined || volume.nodeIds.includes(placement.nodeId)) continue;
    tx.put('volumes', { ...volume, nodeIds: [...volume.nodeIds, placement.nodeId] });
  }
  tx.put('tasks', {
    ...task,
    nodeId: placement.nodeId,
    spec: placement.ports.length === 0 ? task.spec : { ...task.spec, ports: placement.portSpecs },
    status: {
      ...task.status,
      state: 'assigned',
      at: tx.now,
      message: `assigned to ${placement.nodeName}`,
    },
    explanation: { ...placement.explanation, at: tx.now },
  });
}

function writePostponement(
  tx: Transaction,
  { taskId, explanation: explanation }: Postponement,
): void {
  const task = tx.get('tasks', taskId);
  if (task === undefined || sameExplanation(task.explanation, explanation)) return;
  tx.put('tasks', { ...task, explanation: { ...explanation, at: tx.now } });
}
