import { isWanted, tasksBySlot } from '../store/slots.js';
import type { TaskChange } from './task-change.js';
import type { SlotPlan } from './plan-slot.js';
import { planSlot, retireTask } from './plan-slot.js';
import { removeTask, reap } from './reap.js';
import type { ServiceSnapshot, WantedSlot } from './service-snapshot.js';
import { nextUpdates } from './update.js';
import { monitorUpdate } from './monitor-update.js';

/** Decides how to fill slots 1..N of a replicated service with tasks of the current spec. */
export function reconcileReplicated(snapshot: ServiceSnapshot): readonly TaskChange[] {
  const { mode } = snapshot.service.spec;
  const { replicas, maxConcurrent = Infinity } =
    mode.kind === 'replicated' ? mode : { replicas: 0 };
  const done = Number.isFinite(maxConcurrent) ? completedSlots(snapshot) : new Set<number>();
  let open = 0;
  const slots = Array.from({ length: replicas }, (_, index) => {
    const slot = index + 1;
    if (!done.has(slot)) open += 1;
    return { slot, mayFill: done.has(slot) || open <= maxConcurrent };
  });
  return reconcileSlots(slots, snapshot, `the service is scaled to ${replicas}`);
}

/** Slots of a job whose task of the current spec has completed. */
function completedSlots({ service, tasks }: ServiceSnapshot): ReadonlySet<number> {
  return new Set(
    tasks
      .filter(
        ({ status, taskHash }) => status.state === 'complete' && taskHash === service.taskHash,
      )
      .map(({ slot }) => slot),
  );
}

/** Reconciles the given slots; shared by replicated and global services. */
export function reconcileSlots(
  slots: readonly WantedSlot[],
  snapshot: ServiceSnapshot,
  surplusCause: string,
): readonly TaskChange[] {
  const wanted = new Set(slots.map(({ slot }) => slot));
  const changes = snapshot.service.spec.halted
    ? halt(snapshot, wanted)
    : fillSlots(slots, snapshot);
  const ending = new Set(
    changes.flatMap((change) => (change.kind === 'desire' ? [change.taskId] : [])),
  );
  const reaped = reap(snapshot, wanted, { ending, surplusCause });
  const deleted = new Set(
    reaped.flatMap((change) => (change.kind === 'delete' ? [change.taskId] : [])),
  );
  return [
    ...reaped,
    ...changes.filter((change) => change.kind !== 'desire' || !deleted.has(change.taskId)),
  ];
}

function fillSlots(slots: readonly WantedSlot[], snapshot: ServiceSnapshot): readonly TaskChange[] {
  const tasks = tasksBySlot(snapshot.tasks);
  const plans: SlotPlan[] = slots.map((slot) =>
    planSlot(slot, tasks.get(slot.slot) ?? [], snapshot),
  );
  const update = monitorUpdate(plans, snapshot);
  if (update.kind === 'go-back') return update.changes;
  return [
    ...meetDependencies(snapshot),
    ...plans.flatMap((plan) => plan.changes),
    ...update.changes,
    ...nextUpdates(plans, snapshot, update),
  ];
}

/** Removes all tasks, then the service. */
export function reconcileRemoval(snapshot: ServiceSnapshot): readonly TaskChange[] {
  const cause = 'the service is removed';
  const changes = snapshot.tasks.flatMap((task) => removeTask(task, snapshot, cause));
  const deleted = changes.filter((change) => change.kind === 'delete').length;
  if (deleted < snapshot.tasks.length) return changes;
  return [...changes, { kind: 'remove-service', cause: 'it has no tasks left' }];
}

/** `stop`: shuts down the task of every slot; its container is kept for `start` to adopt. */
function halt(snapshot: ServiceSnapshot, wanted: ReadonlySet<number>): readonly TaskChange[] {
  const cause = 'the service is stopped';
  return snapshot.tasks
    .filter((task) => wanted.has(task.slot) && isWanted(task))
    .map((task) => retireTask(task, cause));
}

function meetDependencies(snapshot: ServiceSnapshot): readonly TaskChange[] {
  if (snapshot.service.dependenciesMet || !snapshot.gate.open) return [];
  return [{ kind: 'dependencies-met', cause: 'every dependency is satisfied' }];
}
