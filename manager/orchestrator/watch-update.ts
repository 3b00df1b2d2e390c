import { updateConfigOf, updateOf } from '../common/model/rollback.js';
import type { UpdateConfig, UpdateStatus } from '../common/model/service.js';
import { wasRefused } from '../store/slots.js';
import type { Task } from '../common/model/task.js';
import { isTerminal } from '../common/model/task-state.js';
import type { TaskChange } from './change.js';
import type { SlotPlan } from './fill.js';
import { afterEnd } from './restart.js';
import type { ServiceScene } from './scene.js';
import { nodeNameOf, nodeOf } from './scene.js';

/** How the change of a service stands, and what of it may go on. */
export interface UpdateVerdict {
  readonly changes: readonly TaskChange[];
  /** `go-back`: the spec is another one next, what was decided for this one is void. */
  readonly kind: 'go-on' | 'hold' | 'go-back';
  /** Slots that failed and are not waited for. */
  readonly tolerated: ReadonlySet<number>;
}

const nobody: ReadonlySet<number> = new Set();

/**
 * Keeps account of a change of what runs in a service's tasks, from the first outdated one until every new one
 * has stood for `monitor`. Slots that fail meanwhile are counted once; more of them than `max_failure_ratio`
 * of all pause the change or lead back to the spec before. Without `update_config` nothing is paused: the
 * change waits where it fails, and goes on when that comes up.
 */
export function watchUpdate(plans: readonly SlotPlan[], scene: ServiceScene): UpdateVerdict {
  const known = updateOf(scene.service);
  if (known?.state === 'paused') return { kind: 'hold', changes: [], tolerated: nobody };
  if (known?.state === 'running') return judge(plans, scene, { known, status: known });
  if (!isBehind(plans, scene, known)) return goOn([], nobody);
  return judge(plans, scene, { known: undefined, status: begun(scene, known) });
}

/** `known` is what the store has of the account, `status` what it goes on from. */
function judge(
  plans: readonly SlotPlan[],
  scene: ServiceScene,
  { known, status }: { readonly known: UpdateStatus | undefined; readonly status: UpdateStatus },
): UpdateVerdict {
  const config = updateConfigOf(scene.service);
  const failures = failuresOf(plans, scene, { status, monitorMs: config?.monitorMs ?? 0 });
  const failed = [...new Set([...status.failed, ...failures.keys()])].sort((a, b) => a - b);
  const next = { ...status, failed };
  const why = describeFailures(failures, status);
  if (config !== undefined && isTooMany(failed, plans, config)) {
    return failing(next, { config, scene, why });
  }
  const tolerated = config === undefined ? nobody : new Set(failed);
  if (known === undefined || !isThrough(plans, scene, tolerated)) {
    return goOn(noted(known, next, why), tolerated);
  }
  const until = watchedUntil(plans, scene, { since: status.startedAt, config, failed });
  if (until > scene.now) return goOn([...noted(known, next, why), watchAgain(until)], tolerated);
  const message = failed.length === 0 ? status.message : why;
  const completed = { ...next, state: 'completed', endedAt: scene.now, message } as const;
  return goOn([said(completed, 'every slot is as wanted')], tolerated);
}

function goOn(changes: readonly TaskChange[], tolerated: ReadonlySet<number>): UpdateVerdict {
  return { kind: 'go-on', changes, tolerated };
}

function said(status: UpdateStatus, cause: string): TaskChange {
  return { kind: 'update-status', status, cause };
}

function watchAgain(until: number): TaskChange {
  return { kind: 'wait', until, cause: 'new tasks are watched' };
}

/** Written when it says more than what is known. */
function noted(
  known: UpdateStatus | undefined,
  next: UpdateStatus,
  why: string,
): readonly TaskChange[] {
  if (known?.failed.length === next.failed.length) return [];
  const cause = known === undefined ? 'the service was changed' : why;
  return [said(next, cause)];
}

/** Something of it runs, or is to run, by another spec. */
function isBehind(
  plans: readonly SlotPlan[],
  scene: ServiceScene,
  known: UpdateStatus | undefined,
): boolean {
  const { taskHash } = scene.service;
  const isStale = (task: Task | undefined): boolean =>
    task !== undefined && task.taskHash !== taskHash;
  if (plans.some(({ condition, current }) => condition !== 'steady' && isStale(current))) {
    return true;
  }
  // What is still on its way out shows that a change has begun; after its end it is only late.
  return (
    known === undefined &&
    scene.tasks.some((task) => isStale(task) && !isTerminal(task.status.state))
  );
}

function begun({ service, now }: ServiceScene, known: UpdateStatus | undefined): UpdateStatus {
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

function failing(
  status: UpdateStatus,
  how: { readonly config: UpdateConfig; readonly scene: ServiceScene; readonly why: string },
): UpdateVerdict {
  const { config, scene, why } = how;
  const back = config.failureAction === 'rollback' && status.kind === 'change';
  if (back && scene.service.previousSpec !== undefined && scene.noWayBack === undefined) {
    return { kind: 'go-back', changes: [{ kind: 'roll-back', cause: why }], tolerated: nobody };
  }
  const noWay = back ? `; no way back: ${scene.noWayBack ?? 'there is no spec before'}` : '';
  const paused = { ...status, state: 'paused', endedAt: scene.now, message: why + noWay } as const;
  return { kind: 'hold', changes: [said(paused, why)], tolerated: nobody };
}

/** Whether each slot has what it is to have, as far as it is waited for. */
function isThrough(
  plans: readonly SlotPlan[],
  scene: ServiceScene,
  tolerated: ReadonlySet<number>,
): boolean {
  return plans.every(({ slot, condition, current }) => {
    if (current !== undefined && current.taskHash !== scene.service.taskHash) return false;
    return condition === 'steady' || tolerated.has(slot.slot);
  });
}

/**
 * Until when the last of the new tasks is watched. From the leader's last news of it: nodes' clocks differ,
 * and what was restarted is watched anew.
 */
function watchedUntil(
  plans: readonly SlotPlan[],
  scene: ServiceScene,
  how: {
    readonly since: number;
    readonly config: UpdateConfig | undefined;
    readonly failed: readonly number[];
  },
): number {
  const { since, config, failed } = how;
  const ends = plans.flatMap(({ slot, current }) => {
    const isNew = current?.status.state === 'running' && current.createdAt >= since;
    return isNew && !failed.includes(slot.slot) ? [current.updatedAt] : [];
  });
  return Math.min(scene.now, Math.max(0, ...ends)) + (config?.monitorMs ?? 0);
}

/** The slots in which a task of this change has failed, each with that task. */
function failuresOf(
  plans: readonly SlotPlan[],
  scene: ServiceScene,
  how: { readonly status: UpdateStatus; readonly monitorMs: number },
): ReadonlyMap<number, string> {
  const wanted = new Set(plans.map(({ slot }) => slot.slot));
  const found = new Map<number, string>();
  for (const task of scene.tasks) {
    if (!wanted.has(task.slot) || task.taskHash !== scene.service.taskHash) continue;
    if (task.createdAt < how.status.startedAt) continue;
    const reason = failureOf(task, scene, how.monitorMs);
    if (reason === undefined) continue;
    const node = nodeOf(task, scene) === undefined ? '' : ` on ${nodeNameOf(task, scene)}`;
    found.set(task.slot, `${task.service}.${task.slot}${node}: ${reason}`);
  }
  return found;
}

/** Why a new task counts as failed; undefined while it does well, or when it did long enough and is made again. */
function failureOf(task: Task, scene: ServiceScene, monitorMs: number): string | undefined {
  const { state, at, startedAt, exitCode, error, message } = task.status;
  if (wasRefused(task)) return error ?? message;
  if (state === 'running') return troubleOf(task, monitorMs);
  if (state !== 'failed') return undefined;
  const ranMs = startedAt === undefined ? 0 : at - startedAt;
  const { restart } = scene.service.spec.task;
  if (ranMs > monitorMs && afterEnd(task, restart, scene.now).kind !== 'keep') return undefined;
  return exitCode === undefined ? (error ?? message) : `exit ${exitCode}`;
}

/** Of one that runs, if only for the moment. */
function troubleOf({ status }: Task, monitorMs: number): string | undefined {
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
