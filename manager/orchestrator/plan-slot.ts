import { canonicalJson } from '../common/base/canonical.js';
import { currentTask, isAvailable, isShuttingDown, isNodeLost, isWanted } from '../store/slots.js';
import type { Task } from '../common/model/task.js';
import { hasPodLinks } from '../common/model/pod.js';
import { updateConfigOf } from '../common/model/rollback.js';
import type { Placement } from '../common/model/service.js';
import { isAssigned, isTerminal } from '../common/model/task-state.js';
import type { NewTask, TaskChange } from './task-change.js';
import { evictionCause, recreationCause, ineligibilityCause } from './enforce.js';
import { decideRestart } from './restart.js';
import type { ServiceSnapshot, WantedSlot } from './service-snapshot.js';
import { nodeOf } from './service-snapshot.js';

/** Changes to make in one slot, and its condition, which updates depend on. */
export interface SlotPlan {
  readonly slot: WantedSlot;
  readonly changes: readonly TaskChange[];
  /**
   * `steady`: filled, nothing to wait for. `changing`: being filled. `outdated`: filled by a task
   * of an earlier spec, which the update may stop.
   */
  readonly condition: 'steady' | 'changing' | 'outdated';
  readonly current: Task | undefined;
  /** Whether an earlier task was placed in the slot. */
  readonly wasFilledBefore: boolean;
}

/** Decides about one slot. `tasks`: all tasks of the slot, newest first. */
export function planSlot(
  slot: WantedSlot,
  tasks: readonly Task[],
  snapshot: ServiceSnapshot,
): SlotPlan {
  const current = currentTask(tasks);
  const plan = (condition: SlotPlan['condition'], changes: readonly TaskChange[]): SlotPlan => ({
    slot,
    changes,
    condition,
    current,
    wasFilledBefore: tasks.some((task) => task !== current && wasPlaced(task)),
  });
  if (current === undefined) {
    const isDraining = tasks.some((task) => isShuttingDown(task) && isHeld(task, snapshot));
    const changes = isDraining || !slot.mayFill ? [] : [fillEmpty(slot, tasks, snapshot)];
    return plan(
      isDraining || (slot.mayFill && tasks.some(wasPlaced)) ? 'changing' : 'steady',
      changes,
    );
  }
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
    const changes = corrections.length > 0 ? corrections : applyGate(current, snapshot);
    return plan(interrupted ? 'changing' : 'steady', [...retirements, ...changes]);
  }
  return planPlaced(slot, current, { snapshot, plan, retirements });
}

function planPlaced(
  slot: WantedSlot,
  current: Task,
  context: {
    readonly snapshot: ServiceSnapshot;
    readonly plan: (condition: SlotPlan['condition'], changes: readonly TaskChange[]) => SlotPlan;
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
  const cause = evictionCause(current, snapshot);
  if (cause !== undefined) return plan('changing', [...retirements, shutDownTask(current, cause)]);
  if (current.taskHash !== snapshot.service.taskHash) return plan('outdated', retirements);
  const changes = [...retirements, ...applyGate(current, snapshot)];
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

/** Whether the task is assigned to a node that is not lost. */
function isHeld(task: Task, snapshot: ServiceSnapshot): boolean {
  return isAssigned(task.status.state) && !isNodeLost(nodeOf(task, snapshot));
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
 * Retires older tasks of a slot. Start-first: once the new task is available. Without start-first,
 * two tasks exist only if the order was changed during an update; then the older ones go at once.
 */
function retireOlder(
  current: Task,
  tasks: readonly Task[],
  snapshot: ServiceSnapshot,
): readonly TaskChange[] {
  const isReplaced = isAvailable(current) || current.status.state === 'complete';
  return tasks
    .filter((task) => task !== current && isWanted(task))
    .filter((task) => isReplaced || !mayOverlap(snapshot) || !isHeld(task, snapshot))
    .map((task) => retireTask(task, 'the slot has a newer task'));
}

function mayOverlap(snapshot: ServiceSnapshot): boolean {
  return updateConfigOf(snapshot.service)?.order === 'start-first';
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

function applyGate(current: Task, snapshot: ServiceSnapshot): readonly TaskChange[] {
  if (current.desired !== 'ready') return [];
  const { open, trouble } = snapshot.gate;
  const { id: taskId, slot } = current;
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
  const isAlone = !snapshot.tasks.some(
    (task) => task.slot === current.slot && task !== current && isHeld(task, snapshot),
  );
  const mayFill = slot.mayFill && (isAlone || mayOverlap(snapshot));
  return [
    retireTask(current, options.cause),
    ...(mayFill ? [createTask(slot, snapshot, options)] : []),
  ];
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
      ...options,
      slot: slot.slot,
      ...(nodeId === undefined ? {} : { nodeId }),
      desired: snapshot.gate.open ? 'running' : 'ready',
    },
    cause,
  };
}
