import { updateConfigOf, currentUpdate } from '../common/model/rollback.js';
import type { UpdateConfig, UpdateStatus } from '../common/model/service.js';
import { wasRejected } from '../store/slots.js';
import type { Task } from '../common/model/task.js';
import { isTerminal } from '../common/model/task-state.js';
import type { TaskChange } from './task-change.js';
import type { SlotPlan } from './plan-slot.js';
import { decideRestart } from './restart.js';
import type { ServiceSnapshot } from './service-snapshot.js';
import { nodeNameOf, nodeOf } from './service-snapshot.js';

/** State of a service's update, and whether it may continue. */
export interface UpdateVerdict {
  readonly changes: readonly TaskChange[];
  /** `go-back`: the spec is rolled back, other decisions for the current spec are void. */
  readonly kind: 'go-on' | 'hold' | 'go-back';
  /** Failed slots that are not waited for. */
  readonly tolerated: ReadonlySet<number>;
}

const noSlots: ReadonlySet<number> = new Set();

/**
 * Tracks an update, from the first outdated task until every new task has run for `monitor`. Each
 * slot that fails meanwhile counts once; if the failed slots exceed `max_failure_ratio`, the update
 * is paused or rolled back. Without `update_config` nothing is paused: the update waits for a
 * failed slot and continues once it is available.
 */
export function monitorUpdate(
  plans: readonly SlotPlan[],
  snapshot: ServiceSnapshot,
): UpdateVerdict {
  const known = currentUpdate(snapshot.service);
  if (known?.state === 'paused') return { kind: 'hold', changes: [], tolerated: noSlots };
  if (known?.state === 'running') return judge(plans, snapshot, { known, status: known });
  if (!isOutdated(plans, snapshot, known)) return goOn([], noSlots);
  return judge(plans, snapshot, { known: undefined, status: startStatus(snapshot, known) });
}

/** `known`: update status in the store. `status`: status to continue from. */
function judge(
  plans: readonly SlotPlan[],
  snapshot: ServiceSnapshot,
  { known, status }: { readonly known: UpdateStatus | undefined; readonly status: UpdateStatus },
): UpdateVerdict {
  const config = updateConfigOf(snapshot.service);
  const failures = failuresOf(plans, snapshot, { status, monitorMs: config?.monitorMs ?? 0 });
  const failed = [...new Set([...status.failed, ...failures.keys()])].sort((a, b) => a - b);
  const next = { ...status, failed };
  const reason = describeFailures(failures, status);
  if (config !== undefined && isTooMany(failed, plans, config)) {
    return stopUpdate(next, { config, snapshot, reason });
  }
  const tolerated = config === undefined ? noSlots : new Set(failed);
  if (known === undefined || !isComplete(plans, snapshot, tolerated)) {
    return goOn(writeIfChanged(known, next, reason), tolerated);
  }
  const until = monitoredUntil(plans, snapshot, { since: status.startedAt, config, failed });
  if (until > snapshot.now)
    return goOn([...writeIfChanged(known, next, reason), waitForMonitor(until)], tolerated);
  const message = failed.length === 0 ? status.message : reason;
  const completed = { ...next, state: 'completed', endedAt: snapshot.now, message } as const;
  return goOn([writeStatus(completed, 'every slot is up to date')], tolerated);
}

function goOn(changes: readonly TaskChange[], tolerated: ReadonlySet<number>): UpdateVerdict {
  return { kind: 'go-on', changes, tolerated };
}

function writeStatus(status: UpdateStatus, cause: string): TaskChange {
  return { kind: 'update-status', status, cause };
}

function waitForMonitor(until: number): TaskChange {
  return { kind: 'wait', until, cause: 'monitoring new tasks' };
}

/** Returns a status write if the number of failed slots changed or the update is new. */
function writeIfChanged(
  known: UpdateStatus | undefined,
  next: UpdateStatus,
  reason: string,
): readonly TaskChange[] {
  if (known?.failed.length === next.failed.length) return [];
  const cause = known === undefined ? 'the service was changed' : reason;
  return [writeStatus(next, cause)];
}

/** Whether a task runs, or is to run, with another spec. */
function isOutdated(
  plans: readonly SlotPlan[],
  snapshot: ServiceSnapshot,
  known: UpdateStatus | undefined,
): boolean {
  const { taskHash } = snapshot.service;
  const isStale = (task: Task | undefined): boolean =>
    task !== undefined && task.taskHash !== taskHash;
  if (plans.some(({ condition, current }) => condition !== 'steady' && isStale(current))) {
    return true;
  }
  // A stale task still shutting down starts an update; after an update it is only a straggler.
  return (
    known === undefined &&
    snapshot.tasks.some((task) => isStale(task) && !isTerminal(task.status.state))
  );
}

function startStatus(
  { service, now }: ServiceSnapshot,
  known: UpdateStatus | undefined,
): UpdateStatus {
  return {
    kind: known?.kind ?? 'change',
    state: 'running',
    taskHash: service.taskHash,
    startedAt: now,
    message: known?.message ?? '',
    failed: [],
  };
}

function isTooMany(
  failed: readonly number[],
  plans: readonly SlotPlan[],
  config: UpdateConfig,
): boolean {
  if (config.failureAction === 'continue') return false;
  return failed.length > config.maxFailureRatio * plans.length;
}

function stopUpdate(
  status: UpdateStatus,
  options: {
    readonly config: UpdateConfig;
    readonly snapshot: ServiceSnapshot;
    readonly reason: string;
  },
): UpdateVerdict {
  const { config, snapshot, reason } = options;
  const isRollback = config.failureAction === 'rollback' && status.kind === 'change';
  if (
    isRollback &&
    snapshot.service.previousSpec !== undefined &&
    snapshot.rollbackBlocker === undefined
  ) {
    return { kind: 'go-back', changes: [{ kind: 'roll-back', cause: reason }], tolerated: noSlots };
  }
  const blocker = isRollback
    ? `; cannot roll back: ${snapshot.rollbackBlocker ?? 'there is no previous spec'}`
    : '';
  const paused = {
    ...status,
    state: 'paused',
    endedAt: snapshot.now,
    message: reason + blocker,
  } as const;
  return { kind: 'hold', changes: [writeStatus(paused, reason)], tolerated: noSlots };
}

/** Whether every slot is up to date, except tolerated ones. */
function isComplete(
  plans: readonly SlotPlan[],
  snapshot: ServiceSnapshot,
  tolerated: ReadonlySet<number>,
): boolean {
  return plans.every(({ slot, condition, current }) => {
    if (current !== undefined && current.taskHash !== snapshot.service.taskHash) return false;
    return condition === 'steady' || tolerated.has(slot.slot);
  });
}

/**
 * End of the monitoring of the last new task, ms. Counted from the leader's last write of the task:
 * node clocks differ, and a restarted task is monitored again.
 */
function monitoredUntil(
  plans: readonly SlotPlan[],
  snapshot: ServiceSnapshot,
  options: {
    readonly since: number;
    readonly config: UpdateConfig | undefined;
    readonly failed: readonly number[];
  },
): number {
  const { since, config, failed } = options;
  const ends = plans.flatMap(({ slot, current }) => {
    const isNew = current?.status.state === 'running' && current.createdAt >= since;
    return isNew && !failed.includes(slot.slot) ? [current.updatedAt] : [];
  });
  return Math.min(snapshot.now, Math.max(0, ...ends)) + (config?.monitorMs ?? 0);
}

/** Slots in which a task of this update failed, each with a description of the failure. */
function failuresOf(
  plans: readonly SlotPlan[],
  snapshot: ServiceSnapshot,
  options: { readonly status: UpdateStatus; readonly monitorMs: number },
): ReadonlyMap<number, string> {
  const wanted = new Set(plans.map(({ slot }) => slot.slot));
  const found = new Map<number, string>();
  for (const task of snapshot.tasks) {
    if (!wanted.has(task.slot) || task.taskHash !== snapshot.service.taskHash) continue;
    if (task.createdAt < options.status.startedAt) continue;
    const reason = failureOf(task, snapshot, options.monitorMs);
    if (reason === undefined) continue;
    const node = nodeOf(task, snapshot) === undefined ? '' : ` on ${nodeNameOf(task, snapshot)}`;
    found.set(task.slot, `${task.service}.${task.slot}${node}: ${reason}`);
  }
  return found;
}

/**
 * Why a new task counts as failed; undefined if it runs well, or ran past `monitor` and is
 * restarted.
 */
function failureOf(task: Task, snapshot: ServiceSnapshot, monitorMs: number): string | undefined {
  const { state, at, startedAt, exitCode, error, message } = task.status;
  if (wasRejected(task)) return error ?? message;
  if (state === 'running') return runningFailure(task, monitorMs);
  if (state !== 'failed') return undefined;
  const ranMs = startedAt === undefined ? 0 : at - startedAt;
  const { restart } = snapshot.service.spec.task;
  if (ranMs > monitorMs && decideRestart(task, restart, snapshot.now).kind !== 'keep')
    return undefined;
  return exitCode === undefined ? (error ?? message) : `exit ${exitCode}`;
}

/** Failure of a running task: unhealthy, or restarted by its engine within `monitor`. */
function runningFailure({ status }: Task, monitorMs: number): string | undefined {
  const { at, startedAt, health, restarts = 0 } = status;
  if (health === 'unhealthy') return 'is unhealthy';
  const restarted = restarts > 0 && startedAt !== undefined && startedAt - at <= monitorMs;
  return restarted ? `was restarted ${restarts === 1 ? 'once' : `${restarts} times`}` : undefined;
}

function describeFailures(failures: ReadonlyMap<number, string>, status: UpdateStatus): string {
  const [first] = [...failures].sort(([a], [b]) => a - b).map(([, reason]) => reason);
  if (first === undefined) return status.message;
  return failures.size === 1 ? first : `${first}, and ${failures.size - 1} more`;
}
