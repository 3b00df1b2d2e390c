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
import { CandidateCache } from './candidates.js';
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

/** Decides about tasks that became pending since the last turn, or about all pending ones. */
type Turn = 'new tasks' | 'all tasks';

/** Longest time between changes that make room and the next decision about all pending tasks, ms. */
const maxRetryMs = 5_000;

/**
 * Places pending tasks. A task that became pending is decided at once, and all of them together when
 * a change may make room: a node, an ended task, a volume. As long as such decisions place none of
 * the tasks that waited, the next one comes later by 1 ms for each of them, so that tasks that fit
 * nowhere do not slow the others.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #loop: KeyedLoop<Turn, Commit>;
  readonly #pending = new Set<TaskId>();
  /** Pending tasks about which nothing was decided yet. */
  readonly #fresh = new Set<TaskId>();
  /** Pending followers. */
  readonly #followers = new Set<TaskId>();
  readonly #candidates = new CandidateCache();
  /** No decision about all tasks before this time, ms of the clock. */
  #retryAt = 0;
  readonly #counts = { decisions: 0, seconds: 0, longestSeconds: 0, placed: 0, postponed: 0 };

  constructor(options: SchedulerOptions) {
    this.#options = options;
    const { store, clock, log } = options;
    this.#loop = new KeyedLoop<Turn, Commit>({
      name: 'scheduler',
      clock,
      log,
      feed: { source: store, affected: (commit) => this.#affected(commit) },
      resync: { everyMs: resyncMs, keys: () => this.#resync() },
      reconcile: (turns) => this.#turn(turns),
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
  #resync(): readonly Turn[] {
    this.#pending.clear();
    this.#followers.clear();
    for (const task of this.#options.store.view.list('tasks')) this.#onTaskChange(undefined, task);
    this.#retryAt = 0;
    return ['all tasks'];
  }

  async #turn(turns: ReadonlySet<Turn>): Promise<void> {
    if (this.#pending.size === 0) return;
    const waitMs = this.#retryAt - this.#options.clock.elapsed();
    const isAll = turns.has('all tasks') && waitMs <= 0;
    if (turns.has('all tasks') && !isAll) this.#loop.markAfter('all tasks', waitMs);
    if (!isAll && this.#fresh.size === 0) return;
    const fresh = new Set(this.#fresh);
    const decisions = await this.#options.store.update('scheduler', (tx) => {
      const startedAt = performance.now();
      const made = decide({
        ...this.#input(tx),
        ...(isAll ? {} : { tasks: placeableOf(tx, fresh) }),
      });
      this.#count(made, (performance.now() - startedAt) / 1000);
      for (const decision of made) {
        if (decision.kind === 'place') writePlacement(tx, decision);
        else writePostponement(tx, decision);
      }
      return made;
    });
    for (const id of fresh) this.#fresh.delete(id);
    if (isAll) this.#retryAt = this.#options.clock.elapsed() + retryMs(decisions, fresh);
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
      tasksOfNode: (id) => tx.tasksOfNode(id),
      now: tx.now,
      strategy,
      seed: seed + tx.index,
      candidates: this.#candidates,
    };
  }

  #affected(commit: Commit): ReadonlySet<Turn> {
    const turns = new Set<Turn>();
    for (const change of commit.changes) {
      if (change.table === 'tasks') {
        const turn = this.#onTaskChange(change.before, change.after);
        if (turn !== undefined) turns.add(turn);
      } else if (mayMakeRoom(change)) {
        turns.add('all tasks');
      }
    }
    return this.#pending.size > 0 ? turns : new Set();
  }

  /** The turn that a change of a task asks for: it became pending, or may help a pending task. */
  #onTaskChange(before: Task | undefined, after: Task | undefined): Turn | undefined {
    const task = after ?? before;
    if (task === undefined) return undefined;
    if (after !== undefined && isPlaceable(after)) {
      this.#pending.add(after.id);
      if (hasPodLinks(after.spec.container)) this.#followers.add(after.id);
      if (before !== undefined && isPlaceable(before)) return undefined;
      this.#fresh.add(after.id);
      return 'new tasks';
    }
    this.#pending.delete(task.id);
    this.#fresh.delete(task.id);
    this.#followers.delete(task.id);
    const from = before?.status.state;
    const to = after?.status.state;
    if (from === to) return undefined;
    // An ended task makes room; an assigned one may be the leader that a follower waits for.
    const helps = to === 'assigned' ? this.#followers.size > 0 : to === undefined || isTerminal(to);
    return helps ? 'all tasks' : undefined;
  }
}

function placeableOf(tx: Transaction, ids: Iterable<TaskId>): readonly Task[] {
  return [...ids].flatMap((id) => {
    const task = tx.get('tasks', id);
    return task !== undefined && isPlaceable(task) ? [task] : [];
  });
}

/** Time until the next decision about all tasks, ms: 0 if one of those that waited was placed. */
function retryMs(decisions: readonly Decision[], fresh: ReadonlySet<TaskId>): number {
  const waited = decisions.filter(({ taskId }) => !fresh.has(taskId));
  return waited.some(({ kind }) => kind === 'place') ? 0 : Math.min(waited.length, maxRetryMs);
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
