import { canonicalJson } from '../common/base/canonical.js';
import { currentTask, isAvailable, isShuttingDown, isNodeLost, isWanted } from '../store/slots.js';
import type { Task } from '../common/model/task.js';
import { hasPodLinks } from '../common/model/pod.js';
import type { Placement } from '../common/model/service.js';
import { isAssigned, isTerminal } from '../common/model/task-state.js';
import type { NewTask, TaskChange } from './task-change.js';
import { evictionOf, recreationCause, ineligibilityCause } from './enforce.js';
import { decideRestart } from './restart.js';
import type { ServiceSnapshot, WantedSlot } from './service-snapshot.js';
import { nodeOf } from './service-snapshot.js';
import {
  awaitsEndOf,
  isHeld,
  isNeedless,
  isServing,
  mayLeave,
  mayOverlap,
  mustReservePlace,
} from './succession.js';

/** Changes to make in one slot, and its condition, which updates depend on. */
export interface SlotPlan {
  readonly slot: WantedSlot;
  readonly changes: readonly TaskChange[];
  /**
   * `steady`: filled, nothing to wait for. `changing`: being filled. `outdated`: filled by a task
   * of an earlier spec, which the update may stop. `misplaced`: filled by a task on a node that is
   * no longer eligible, which leaves once its successor has a node.
   */
  readonly condition: 'steady' | 'changing' | 'outdated' | 'misplaced';
  readonly current: Task | undefined;
  /** Why the task is to be replaced; only for `outdated` and `misplaced`. */
  readonly cause?: string;
  /** Whether an earlier task was placed in the slot. */
  readonly wasFilledBefore: boolean;
  /** Whether an earlier task still serves the slot while the current one is being started. */
  readonly isServed: boolean;
}

/** Decides about one slot. `tasks`: all tasks of the slot, newest first. */
export function planSlot(
  slot: WantedSlot,
  tasks: readonly Task[],
  snapshot: ServiceSnapshot,
): SlotPlan {
  const current = currentTask(tasks);
  const plan: MakePlan = (condition, changes, cause) => ({
    slot,
    changes,
    condition,
    current,
    ...(cause === undefined ? {} : { cause }),
    wasFilledBefore: tasks.some((task) => task !== current && wasPlaced(task)),
    isServed: tasks.some((task) => task !== current && isServing(task, snapshot)),
  });
  if (current === undefined) {
    const isDraining = tasks.some((task) => isShuttingDown(task) && isHeld(task, snapshot));
    const changes = isDraining || !slot.mayFill ? [] : [fillEmpty(slot, tasks, snapshot)];
    return plan(
      isDraining || (slot.mayFill && tasks.some(wasPlaced)) ? 'changing' : 'steady',
      changes,
    );
  }
  const stops = stopFirst(current, tasks, snapshot);
  if (stops.length > 0) return plan('changing', stops);
  const retirements = retireOlder(current, tasks, snapshot);
  const { state } = current.status;
  if (isTerminal(state)) {
    const changes = afterEnding(slot, current, snapshot);
    const condition = state === 'complete' && changes.length === 0 ? 'steady' : 'changing';
    return plan(condition, [...retirements, ...changes]);
  }
  if (state === 'new' || state === 'pending') {
    const corrections = correctUnplaced(slot, current, snapshot);
    const interrupted = tasks.some(wasPlaced);
    const changes = corrections.length > 0 ? corrections : startWhenGateOpens(current, snapshot);
    return plan(interrupted ? 'changing' : 'steady', [...retirements, ...changes]);
  }
  return planPlaced(slot, current, { snapshot, plan, retirements });
}

type MakePlan = (
  condition: SlotPlan['condition'],
  changes: readonly TaskChange[],
  cause?: string,
) => SlotPlan;

function planPlaced(
  slot: WantedSlot,
  current: Task,
  context: {
    readonly snapshot: ServiceSnapshot;
    readonly plan: MakePlan;
    readonly retirements: readonly TaskChange[];
  },
): SlotPlan {
  const { snapshot, plan, retirements } = context;
  if (isNodeLost(nodeOf(current, snapshot))) {
    // A global service cannot move: its task continues when the node returns.
    if (slot.nodeId !== undefined) return plan('steady', retirements);
    const cause = lossCause(current, snapshot);
    return plan('changing', [...retirements, ...replaceNow(slot, current, snapshot, { cause })]);
  }
  const eviction = evictionOf(current, snapshot);
  if (eviction !== undefined) {
    const { cause, isImmediate } = eviction;
    return isImmediate
      ? plan('changing', [...retirements, shutDownTask(current, cause)])
      : plan('misplaced', retirements, cause);
  }
  if (current.taskHash !== snapshot.service.taskHash) {
    const cause = 'the service was changed';
    return plan(
      mustReservePlace(slot, current, snapshot) ? 'misplaced' : 'outdated',
      retirements,
      cause,
    );
  }
  const changes = [...retirements, ...startWhenGateOpens(current, snapshot)];
  return plan(
    isAvailable(current) || isHeldReady(current, snapshot) ? 'steady' : 'changing',
    changes,
  );
}

/** A held task is done when it is `ready`: updates continue with the next slot. */
function isHeldReady(task: Task, snapshot: ServiceSnapshot): boolean {
  return snapshot.service.spec.held === true && task.status.state === 'ready';
}

function lossCause(task: Task, snapshot: ServiceSnapshot): string {
  const node = nodeOf(task, snapshot);
  return node === undefined ? 'its node was removed' : `${node.spec.name} is down`;
}

/** Fills an empty slot; called once the end of the previous task is confirmed (stop-first). */
function fillEmpty(
  slot: WantedSlot,
  tasks: readonly Task[],
  snapshot: ServiceSnapshot,
): TaskChange {
  const [last] = tasks;
  if (last !== undefined && isAdoptable(last, snapshot)) {
    return createTask(slot, snapshot, { cause: 'restarted', adopts: last });
  }
  return createTask(slot, snapshot, { cause: 'the slot is empty' });
}

/** Whether a new task may adopt this one's container: stopped on purpose, kept and up to date. */
function isAdoptable(task: Task, snapshot: ServiceSnapshot): boolean {
  const { state, containerId } = task.status;
  const node = nodeOf(task, snapshot);
  if (node === undefined || isNodeLost(node) || node.spec.availability !== 'active') return false;
  return (
    task.desired === 'shutdown' &&
    (state === 'shutdown' || state === 'complete' || state === 'failed') &&
    containerId !== undefined &&
    task.taskHash === snapshot.service.taskHash &&
    !hasPodLinks(task.spec.container) &&
    ineligibilityCause(node, snapshot.service) === undefined
  );
}

/**
 * Stops the started tasks of a service whose dependencies are no longer met, or a current task that
 * is not needed.
 */
function stopFirst(
  current: Task,
  tasks: readonly Task[],
  snapshot: ServiceSnapshot,
): readonly TaskChange[] {
  const unmet = tasks.filter((task) => isUnmet(task, snapshot) && isHeld(task, snapshot));
  if (unmet.length > 0) return unmet.map((task) => shutDownTask(task, 'a dependency is recreated'));
  if (!isNeedless(current, tasks, snapshot)) return [];
  return [retireTask(current, 'the previous task may stay on its node')];
}

function isUnmet(task: Task, { service, gate }: ServiceSnapshot): boolean {
  return !service.dependenciesMet && !gate.open && isWanted(task) && task.desired !== 'ready';
}

/** Retires older tasks of a slot that the current one no longer needs. */
function retireOlder(
  current: Task,
  tasks: readonly Task[],
  snapshot: ServiceSnapshot,
): readonly TaskChange[] {
  return tasks
    .filter((task) => task !== current && isWanted(task))
    .filter((task) => mayLeave(task, current, snapshot))
    .map((task) => retireTask(task, 'the slot has a newer task'));
}

function afterEnding(
  slot: WantedSlot,
  current: Task,
  snapshot: ServiceSnapshot,
): readonly TaskChange[] {
  if (current.taskHash !== snapshot.service.taskHash) {
    return slot.mayFill
      ? replaceNow(slot, current, snapshot, { cause: 'the service was changed' })
      : [];
  }
  const revival = recreationCause(current, snapshot);
  if (revival !== undefined && slot.mayFill) {
    return replaceNow(slot, current, snapshot, { cause: revival });
  }
  const verdict = decideRestart(current, snapshot.service.spec.task.restart, snapshot.now);
  switch (verdict.kind) {
    case 'keep':
      return [];
    case 'wait':
      return [{ kind: 'wait', until: verdict.until, cause: verdict.cause }];
    case 'replace': {
      const { kind: _kind, ...rest } = verdict;
      return slot.mayFill ? replaceNow(slot, current, snapshot, rest) : [];
    }
  }
}

/** Recreates a task without a node if its spec, placement or preset node is out of date. */
function correctUnplaced(
  slot: WantedSlot,
  current: Task,
  snapshot: ServiceSnapshot,
): readonly TaskChange[] {
  const cause = outOfDateCause(slot, current, snapshot);
  if (cause === undefined) return [];
  return replaceNow(slot, current, snapshot, { cause });
}

function outOfDateCause(
  slot: WantedSlot,
  current: Task,
  snapshot: ServiceSnapshot,
): string | undefined {
  const { service } = snapshot;
  const { placement } = service.spec.task;
  if (isUnmet(current, snapshot)) return 'a dependency is recreated';
  if (current.taskHash !== service.taskHash) return 'the service was changed';
  if (!isSamePlacement(current.spec.placement, placement)) return 'its placement was changed';
  if (slot.nodeId !== undefined || current.nodeId === undefined) return undefined;
  const node = nodeOf(current, snapshot);
  if (node === undefined || isNodeLost(node)) return lossCause(current, snapshot);
  return ineligibilityCause(node, service);
}

function isSamePlacement(a: Placement, b: Placement): boolean {
  return a === b || canonicalJson(a) === canonicalJson(b);
}

/**
 * Whether the task was ever placed. A slot that had a task counts as missing while it waits for a
 * node; a slot never filled does not, so that a replica without room does not block updates of the
 * others.
 */
function wasPlaced(task: Task): boolean {
  const { state } = task.status;
  return state !== 'new' && state !== 'pending' && task.desired !== 'remove';
}

/** Starts a task that is held at `ready` once the dependencies are met; explains why not. */
export function startWhenGateOpens(
  current: Task,
  snapshot: ServiceSnapshot,
): readonly TaskChange[] {
  if (current.desired !== 'ready') return [];
  const { open, trouble } = snapshot.gate;
  const { id: taskId, slot } = current;
  if (open && awaitsEndOf(current, snapshot)) return [];
  const shownSummary = current.explanation?.summary;
  if (open) {
    const cause = 'its dependencies are met';
    const start = { kind: 'desire', taskId, slot, desired: 'running', cause } as const;
    const hadTrouble = shownSummary?.startsWith('dependency ') === true;
    return hadTrouble
      ? [{ kind: 'explain', taskId, slot, summary: undefined, cause }, start]
      : [start];
  }
  // Until a task has a node, the scheduler owns its explanation.
  if (trouble === undefined || trouble === shownSummary || !isAssigned(current.status.state))
    return [];
  return [{ kind: 'explain', taskId, slot, summary: trouble, cause: trouble }];
}

/**
 * Retires a dead, lost or unplaced task and fills its slot in the same transaction, unless another
 * task of the slot still runs.
 */
function replaceNow(
  slot: WantedSlot,
  current: Task,
  snapshot: ServiceSnapshot,
  options: { readonly cause: string } & Pick<NewTask, 'attempts' | 'notBefore'>,
): readonly TaskChange[] {
  const others = snapshot.tasks.filter(
    (task) => task.slot === current.slot && task !== current && isHeld(task, snapshot),
  );
  const mayFill =
    slot.mayFill && (others.length === 0 || mayOverlap(snapshot) || others.some(isWanted));
  const desired = others.length > 0 && !mayOverlap(snapshot) ? { desired: 'ready' as const } : {};
  return [
    retireTask(current, options.cause),
    ...(mayFill ? [createTask(slot, snapshot, { ...options, ...desired })] : []),
  ];
}

/** Starts a task beside the current one: it runs at once (start-first), or waits to take over. */
export function createSuccessor(
  slot: WantedSlot,
  snapshot: ServiceSnapshot,
  cause: string,
): TaskChange {
  const desired = mayOverlap(snapshot) ? {} : { desired: 'ready' as const };
  return createTask(slot, snapshot, { cause, ...desired });
}

/** Shuts a task down, or deletes it if it has no node yet. */
export function retireTask(task: Task, cause: string): TaskChange {
  const { state } = task.status;
  return state === 'new' || state === 'pending'
    ? deleteTask(task, cause)
    : shutDownTask(task, cause);
}

export function shutDownTask(task: Task, cause: string): TaskChange {
  return { kind: 'desire', taskId: task.id, slot: task.slot, desired: 'shutdown', cause };
}

export function deleteTask(task: Task, cause: string, fence = false): TaskChange {
  return { kind: 'delete', taskId: task.id, slot: task.slot, fence, cause };
}

export function createTask(
  slot: WantedSlot,
  snapshot: ServiceSnapshot,
  request: { readonly cause: string } & Partial<NewTask>,
): TaskChange {
  const { cause, ...options } = request;
  const nodeId = options.adopts?.nodeId ?? slot.nodeId;
  return {
    kind: 'create',
    task: {
      desired: snapshot.gate.open ? 'running' : 'ready',
      ...options,
      slot: slot.slot,
      ...(nodeId === undefined ? {} : { nodeId }),
    },
    cause,
  };
}
