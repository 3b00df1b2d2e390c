import { updateConfigOf } from '../common/model/rollback.js';
import type { UpdateConfig } from '../common/model/service.js';
import { isAvailable } from '../store/slots.js';
import type { TaskChange } from './task-change.js';
import type { SlotPlan } from './plan-slot.js';
import { createSuccessor, createTask, shutDownTask, startWhenGateOpens } from './plan-slot.js';
import type { UpdateVerdict } from './monitor-update.js';
import type { ServiceSnapshot } from './service-snapshot.js';
import { nodeOf } from './service-snapshot.js';

type UpdateSettings = Pick<UpdateConfig, 'parallelism' | 'delayMs' | 'order' | 'failureAction'>;

/** For services without `update_config`. */
export const oneAtATime: UpdateSettings = {
  parallelism: 1,
  delayMs: 0,
  order: 'stop-first',
  failureAction: 'pause',
};

/** Maximum delay between a node's return and its task reports, ms. */
const reportMs = 2_000;

/**
 * Decides the next step of a rolling update, or of leaving nodes that are no longer eligible.
 * Outdated tasks that are not available are replaced at once; available ones in batches of
 * `parallelism`, each batch after the one before is available. A change that never becomes
 * available therefore stops after the first batch and leaves the other slots as they are. A paused
 * update does not keep tasks on ineligible nodes. Tasks wait for the end of the dependents that stop
 * meanwhile. Slots that cannot be filled now keep their task.
 * `tolerated`: failed slots that are not waited for.
 */
export function nextUpdates(
  plans: readonly SlotPlan[],
  snapshot: ServiceSnapshot,
  { kind, tolerated }: Pick<UpdateVerdict, 'kind' | 'tolerated'>,
): readonly TaskChange[] {
  const replaceable = plans.filter(({ slot }) => slot.mayFill);
  const misplaced = replaceable.filter(({ condition }) => condition === 'misplaced');
  const outdated =
    kind === 'hold' || snapshot.awaitsDependents
      ? []
      : replaceable.filter(({ condition }) => condition === 'outdated');
  // A paused update keeps outdated tasks, and starts those that it found waiting for dependencies.
  const kept =
    kind === 'hold' ? replaceable.filter(({ condition }) => condition === 'outdated') : [];
  const starts = kept.flatMap(({ current }) =>
    current === undefined ? [] : startWhenGateOpens(current, snapshot),
  );
  if (outdated.length + misplaced.length === 0) return starts;
  const config = updateConfigOf(snapshot.service) ?? oneAtATime;
  const reportDeadlines = outdated.flatMap((plan) => reportDeadline(plan, snapshot) ?? []);
  const unavailable = outdated.filter((plan) => isUnavailable(plan, snapshot));
  const available = outdated.filter((plan) => !unavailable.includes(plan));
  const maxMissing = config.parallelism === 0 ? Infinity : config.parallelism;
  const missing = countMissing(plans, config, tolerated);
  const leaving = misplaced.slice(0, Math.max(0, maxMissing - missing));
  // A slot without room elsewhere must not block the update of the others.
  const blocked = plans.filter((plan) => isBlocked(plan)).length;
  const left = maxMissing - Math.max(0, missing - blocked) - leaving.length;
  const batch = [...leaving, ...available.slice(0, Math.max(0, left))];
  // A task that keeps restarting would postpone the next batch forever.
  const awaited = plans.filter(({ slot }) => !tolerated.has(slot.slot));
  const pausedUntil = batch.length === 0 ? undefined : pauseUntil(awaited, config, snapshot);
  return [
    ...starts,
    ...unavailable.flatMap((plan) => replaceTask(plan, 'stop-first', snapshot)),
    ...(pausedUntil === undefined
      ? batch.flatMap((plan) => replaceTask(plan, config.order, snapshot))
      : []),
    ...(pausedUntil === undefined ? [] : [waitUntil(pausedUntil, 'delay between updates')]),
    ...(reportDeadlines.length === 0
      ? []
      : [waitUntil(Math.max(...reportDeadlines), 'waiting for nodes to report')]),
  ];
}

/**
 * Whether a slot is known not to be available. Tasks that have not been reported since a leader
 * change count as available: otherwise an update would stop all of them at once.
 */
function isUnavailable(plan: SlotPlan, snapshot: ServiceSnapshot): boolean {
  const { current } = plan;
  if (current === undefined || isAvailable(current)) return false;
  return (
    nodeOf(current, snapshot)?.status.state === 'ready' &&
    reportDeadline(plan, snapshot) === undefined
  );
}

function reportDeadline(plan: SlotPlan, snapshot: ServiceSnapshot): number | undefined {
  const { current } = plan;
  const node = current === undefined ? undefined : nodeOf(current, snapshot);
  if (node?.status.state !== 'ready' || current?.status.state !== 'assigned') return undefined;
  const until = node.status.since + reportMs;
  return until > snapshot.now ? until : undefined;
}

/**
 * Counts the slots that are not available at the moment. A slot that waits for a node is offset by
 * a new slot that has just been placed: if the cluster lacks room for all replicas they take turns,
 * and the update continues.
 */
function countMissing(
  plans: readonly SlotPlan[],
  config: UpdateSettings,
  tolerated: ReadonlySet<number>,
): number {
  const changing = plans.filter(
    (plan) => isMissing(plan, config) && !tolerated.has(plan.slot.slot),
  );
  const waiting = changing.filter(
    ({ current, isServed }) => !isServed && current?.status.state === 'pending',
  ).length;
  const newlyPlaced = plans.filter(
    ({ condition, current, wasFilledBefore: hasPast }) =>
      condition === 'steady' && !hasPast && current !== undefined && isAvailable(current),
  ).length;
  return changing.length - Math.min(waiting, newlyPlaced);
}

/** Whether no node has room for the slot's new task, while the previous one still serves. */
function isBlocked({ current, isServed }: SlotPlan): boolean {
  return isServed && current?.status.state === 'pending' && current.explanation?.placed === false;
}

function isMissing(plan: SlotPlan, config: UpdateSettings): boolean {
  if (plan.condition !== 'changing') return false;
  const state = plan.current?.status.state;
  const failed = state === 'failed' || state === 'rejected';
  return !(failed && config.failureAction === 'continue');
}

function pauseUntil(
  plans: readonly SlotPlan[],
  config: UpdateSettings,
  snapshot: ServiceSnapshot,
): number | undefined {
  if (config.delayMs === 0) return undefined;
  const done = plans
    .flatMap(({ condition, current }) => (condition === 'steady' ? (current ?? []) : []))
    .filter((task) => task.taskHash === snapshot.service.taskHash)
    .map((task) => Math.min(task.status.at, snapshot.now) + config.delayMs);
  const until = Math.max(0, ...done);
  return until > snapshot.now ? until : undefined;
}

function replaceTask(
  plan: SlotPlan,
  order: UpdateConfig['order'],
  snapshot: ServiceSnapshot,
): readonly TaskChange[] {
  const { cause = 'the service was changed' } = plan;
  if (plan.current === undefined) return [];
  if (plan.condition === 'misplaced') return [createSuccessor(plan.slot, snapshot, cause)];
  if (order === 'stop-first') return [shutDownTask(plan.current, cause)];
  return plan.slot.mayFill ? [createTask(plan.slot, snapshot, { cause })] : [];
}

function waitUntil(until: number, cause: string): TaskChange {
  return { kind: 'wait', until, cause };
}
