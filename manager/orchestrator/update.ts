import { updateConfigOf } from '../common/model/rollback.js';
import type { UpdateConfig } from '../common/model/service.js';
import { isAvailable } from '../store/slots.js';
import type { TaskChange } from './change.js';
import type { SlotPlan } from './fill.js';
import { create, shutDown } from './fill.js';
import type { ServiceScene } from './scene.js';
import { nodeOf } from './scene.js';

type Config = Pick<UpdateConfig, 'parallelism' | 'delayMs' | 'order' | 'failureAction'>;

const oneAtATime: Config = {
  parallelism: 1,
  delayMs: 0,
  order: 'stop-first',
  failureAction: 'pause',
};

/** How long a node's word that it is back precedes what it says of its tasks, at most. */
const reportMs = 2_000;

/**
 * The next step of bringing outdated slots up to date. What does not serve anyway is taken out at once;
 * of what serves, only as many as may be missing, and the next only when the one before serves again. So
 * a change that does not come up stops after the first batch and the rest goes on as it was. `tolerated` are
 * slots that have failed and are not waited for.
 */
export function nextUpdates(
  plans: readonly SlotPlan[],
  scene: ServiceScene,
  tolerated: ReadonlySet<number>,
): readonly TaskChange[] {
  const outdated = plans.filter((plan) => plan.condition === 'outdated');
  if (outdated.length === 0) return [];
  const config = updateConfigOf(scene.service) ?? oneAtATime;
  const unheard = outdated.flatMap((plan) => unheardUntil(plan, scene) ?? []);
  const idle = outdated.filter((plan) => isIdle(plan, scene));
  const serving = outdated.filter((plan) => !idle.includes(plan));
  const mayMiss = config.parallelism === 0 ? Infinity : config.parallelism;
  const missing = countMissing(plans, config, tolerated);
  const batch = serving.slice(0, Math.max(0, mayMiss - missing));
  // What starts again and again would put off the next for ever.
  const awaited = plans.filter(({ slot }) => !tolerated.has(slot.slot));
  const pause = batch.length === 0 ? undefined : pauseUntil(awaited, config, scene);
  return [
    ...idle.flatMap((plan) => takeOut(plan, 'stop-first', scene)),
    ...(pause === undefined ? batch.flatMap((plan) => takeOut(plan, config.order, scene)) : []),
    ...(pause === undefined ? [] : [waitUntil(pause, 'delay between updates')]),
    ...(unheard.length === 0 ? [] : [waitUntil(Math.max(...unheard), 'nodes report')]),
  ];
}

/**
 * Known not to serve. Right after a change of leader nothing is known yet: what has not been heard of
 * counts as serving, or else an update would take out everything at once.
 */
function isIdle(plan: SlotPlan, scene: ServiceScene): boolean {
  const { current } = plan;
  if (current === undefined || isAvailable(current)) return false;
  return (
    nodeOf(current, scene)?.status.state === 'ready' && unheardUntil(plan, scene) === undefined
  );
}

function unheardUntil(plan: SlotPlan, scene: ServiceScene): number | undefined {
  const { current } = plan;
  const node = current === undefined ? undefined : nodeOf(current, scene);
  if (node?.status.state !== 'ready' || current?.status.state !== 'assigned') return undefined;
  const until = node.status.since + reportMs;
  return until > scene.now ? until : undefined;
}

/**
 * Slots that do not serve for the time being. One that waits for a node while another, new one has got a
 * place is no loss: with more replicas than the cluster has room for they take turns, and the update of the
 * others goes on.
 */
function countMissing(
  plans: readonly SlotPlan[],
  config: Config,
  tolerated: ReadonlySet<number>,
): number {
  const changing = plans.filter(
    (plan) => isMissing(plan, config) && !tolerated.has(plan.slot.slot),
  );
  const waiting = changing.filter(({ current }) => current?.status.state === 'pending').length;
  const newcomers = plans.filter(
    ({ condition, current, hasPast }) =>
      condition === 'steady' && !hasPast && current !== undefined && isAvailable(current),
  ).length;
  return changing.length - Math.min(waiting, newcomers);
}

function isMissing(plan: SlotPlan, config: Config): boolean {
  if (plan.condition !== 'changing') return false;
  const state = plan.current?.status.state;
  const failed = state === 'failed' || state === 'rejected';
  return !(failed && config.failureAction === 'continue');
}

function pauseUntil(
  plans: readonly SlotPlan[],
  config: Config,
  scene: ServiceScene,
): number | undefined {
  if (config.delayMs === 0) return undefined;
  const done = plans
    .flatMap(({ condition, current }) => (condition === 'steady' ? (current ?? []) : []))
    .filter((task) => task.taskHash === scene.service.taskHash)
    .map((task) => Math.min(task.status.at, scene.now) + config.delayMs);
  const until = Math.max(0, ...done);
  return until > scene.now ? until : undefined;
}

function takeOut(
  plan: SlotPlan,
  order: UpdateConfig['order'],
  scene: ServiceScene,
): readonly TaskChange[] {
  const cause = 'the service was changed';
  if (plan.current === undefined) return [];
  if (order === 'stop-first') return [shutDown(plan.current, cause)];
  return plan.slot.mayFill ? [create(plan.slot, scene, { cause })] : [];
}

function waitUntil(until: number, cause: string): TaskChange {
  return { kind: 'wait', until, cause };
}
