import { isWanted, tasksBySlot } from '../store/slots.js';
import type { TaskChange } from './change.js';
import type { SlotPlan } from './fill.js';
import { planSlot, retire } from './fill.js';
import { dismiss, reap } from './reap.js';
import type { ServiceScene, WantedSlot } from './scene.js';
import { nextUpdates } from './update.js';
import { watchUpdate } from './watch-update.js';

/** Brings a replicated service's slots 1..N to be filled, by tasks of its present spec. */
export function reconcileReplicated(scene: ServiceScene): readonly TaskChange[] {
  const { mode } = scene.service.spec;
  const replicas = mode.kind === 'replicated' ? mode.replicas : 0;
  const slots = Array.from({ length: replicas }, (_, at) => ({ slot: at + 1, mayFill: true }));
  return reconcileSlots(slots, scene, `${replicas} replicas are wanted`);
}

/** What both kinds of services have in common once it is known which slots they are to have. */
export function reconcileSlots(
  slots: readonly WantedSlot[],
  scene: ServiceScene,
  surplusCause: string,
): readonly TaskChange[] {
  const wanted = new Set(slots.map(({ slot }) => slot));
  const changes = scene.service.spec.halted ? halt(scene, wanted) : fill(slots, scene);
  const ending = new Set(
    changes.flatMap((change) => (change.kind === 'desire' ? [change.taskId] : [])),
  );
  const reaped = reap(scene, wanted, { ending, surplusCause });
  const forgotten = new Set(
    reaped.flatMap((change) => (change.kind === 'delete' ? [change.taskId] : [])),
  );
  return [
    ...reaped,
    ...changes.filter((change) => change.kind !== 'desire' || !forgotten.has(change.taskId)),
  ];
}

function fill(slots: readonly WantedSlot[], scene: ServiceScene): readonly TaskChange[] {
  const tasks = tasksBySlot(scene.tasks);
  const plans: SlotPlan[] = slots.map((slot) => planSlot(slot, tasks.get(slot.slot) ?? [], scene));
  const update = watchUpdate(plans, scene);
  if (update.kind === 'go-back') return update.changes;
  return [
    ...met(scene),
    ...plans.flatMap((plan) => plan.changes),
    ...update.changes,
    ...(update.kind === 'hold' ? [] : nextUpdates(plans, scene, update.tolerated)),
  ];
}

/** Removal: tasks first, then the service. */
export function removeService(scene: ServiceScene): readonly TaskChange[] {
  const cause = 'the service is removed';
  const changes = scene.tasks.flatMap((task) => dismiss(task, scene, cause));
  const forgotten = changes.filter((change) => change.kind === 'delete').length;
  if (forgotten < scene.tasks.length) return changes;
  return [...changes, { kind: 'remove-service', cause: 'none of its tasks is left' }];
}

/** `stop`: every slot's task is shut down and kept, for `start` to take over. */
function halt(scene: ServiceScene, wanted: ReadonlySet<number>): readonly TaskChange[] {
  const cause = 'the service is stopped';
  return scene.tasks
    .filter((task) => wanted.has(task.slot) && isWanted(task))
    .map((task) => retire(task, cause));
}

function met(scene: ServiceScene): readonly TaskChange[] {
  if (scene.service.dependenciesMet || !scene.gate.open) return [];
  return [{ kind: 'dependencies-met', cause: 'every dependency is as wanted' }];
}
