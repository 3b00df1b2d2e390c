import { canonicalJson } from '../common/base/canonical.js';
import { currentTask, isAvailable, isLeaving, isLost, isWanted } from '../store/slots.js';
import type { Task } from '../common/model/task.js';
import { isTied } from '../common/model/pod.js';
import { updateConfigOf } from '../common/model/rollback.js';
import type { Placement } from '../common/model/service.js';
import { isAssigned, isTerminal } from '../common/model/task-state.js';
import type { NewTask, TaskChange } from './change.js';
import { leaveCause, revivalCause, unfitCause } from './enforce.js';
import { afterEnd } from './restart.js';
import type { ServiceScene, WantedSlot } from './scene.js';
import { nodeOf } from './scene.js';

/** What is to be done about one slot, and what an update has to know of it. */
export interface SlotPlan {
  readonly slot: WantedSlot;
  readonly changes: readonly TaskChange[];
  /**
   * `steady`: filled, nothing to wait for. `changing`: on its way to being filled. `outdated`: filled by a
   * task of an earlier spec, which the update may take out.
   */
  readonly condition: 'steady' | 'changing' | 'outdated';
  readonly current: Task | undefined;
  /** Whether anything else has been placed in it before. */
  readonly hasPast: boolean;
}

/** Decides about one slot. `tasks` are those of the slot, newest first. */
export function planSlot(slot: WantedSlot, tasks: readonly Task[], scene: ServiceScene): SlotPlan {
  const current = currentTask(tasks);
  const plan = (condition: SlotPlan['condition'], changes: readonly TaskChange[]): SlotPlan => ({
    slot,
    changes,
    condition,
    current,
    hasPast: tasks.some((task) => task !== current && wasPlaced(task)),
  });
  if (current === undefined) {
    const busy = tasks.some((task) => isLeaving(task) && isHeld(task, scene));
    const changes = busy || !slot.mayFill ? [] : [fillEmpty(slot, tasks, scene)];
    return plan(busy || (slot.mayFill && tasks.some(wasPlaced)) ? 'changing' : 'steady', changes);
  }
  const older = retireOlder(current, tasks, scene);
  const { state } = current.status;
  if (isTerminal(state)) {
    const changes = afterEnding(slot, current, scene);
    const condition = state === 'complete' && changes.length === 0 ? 'steady' : 'changing';
    return plan(condition, [...older, ...changes]);
  }
  if (state === 'new' || state === 'pending') {
    const anew = correctUnplaced(slot, current, scene);
    const interrupted = tasks.some(wasPlaced);
    const changes = anew.length > 0 ? anew : openGate(current, scene);
    return plan(interrupted ? 'changing' : 'steady', [...older, ...changes]);
  }
  return planPlaced(slot, current, { scene, plan, older });
}

function planPlaced(
  slot: WantedSlot,
  current: Task,
  context: {
    readonly scene: ServiceScene;
    readonly plan: (condition: SlotPlan['condition'], changes: readonly TaskChange[]) => SlotPlan;
    readonly older: readonly TaskChange[];
  },
): SlotPlan {
  const { scene, plan, older } = context;
  if (isLost(nodeOf(current, scene))) {
    // A global service has nowhere else to go: its task goes on when the node comes back.
    if (slot.nodeId !== undefined) return plan('steady', older);
    const cause = lossOf(current, scene);
    return plan('changing', [...older, ...replaceNow(slot, current, scene, { cause })]);
  }
  const cause = leaveCause(current, scene);
  if (cause !== undefined) return plan('changing', [...older, shutDown(current, cause)]);
  if (current.taskHash !== scene.service.taskHash) return plan('outdated', older);
  const changes = [...older, ...openGate(current, scene)];
  return plan(isAvailable(current) || isHeldReady(current, scene) ? 'steady' : 'changing', changes);
}

/** As far as it is to come for now: an update goes on with the next. */
function isHeldReady(task: Task, scene: ServiceScene): boolean {
  return scene.service.spec.held === true && task.status.state === 'ready';
}

function lossOf(task: Task, scene: ServiceScene): string {
  const node = nodeOf(task, scene);
  return node === undefined ? 'its node was removed' : `${node.spec.name} is down`;
}

/** Stop-first: asked for only when the end of what was there is confirmed. */
function fillEmpty(slot: WantedSlot, tasks: readonly Task[], scene: ServiceScene): TaskChange {
  const [last] = tasks;
  if (last !== undefined && isAdoptable(last, scene)) {
    return create(slot, scene, { cause: 'started again', adopts: last });
  }
  return create(slot, scene, { cause: 'the slot is empty' });
}

/** Still on a node that could run it. */
function isHeld(task: Task, scene: ServiceScene): boolean {
  return isAssigned(task.status.state) && !isLost(nodeOf(task, scene));
}

/** Its slot was emptied on purpose, its container is kept, and it would be made just the same again. */
function isAdoptable(task: Task, scene: ServiceScene): boolean {
  const { state, containerId } = task.status;
  const node = nodeOf(task, scene);
  if (node === undefined || isLost(node) || node.spec.availability !== 'active') return false;
  return (
    task.desired === 'shutdown' &&
    (state === 'shutdown' || state === 'complete' || state === 'failed') &&
    containerId !== undefined &&
    task.taskHash === scene.service.taskHash &&
    !isTied(task.spec.container) &&
    unfitCause(node, scene.service) === undefined
  );
}

/**
 * Start-first: the one before goes when the new one stands. Otherwise a slot has two only when the spec
 * stopped asking for start-first in the middle of it: then the older goes at once.
 */
function retireOlder(
  current: Task,
  tasks: readonly Task[],
  scene: ServiceScene,
): readonly TaskChange[] {
  const isThere = isAvailable(current) || current.status.state === 'complete';
  return tasks
    .filter((task) => task !== current && isWanted(task))
    .filter((task) => isThere || !mayOverlap(scene) || !isHeld(task, scene))
    .map((task) => retire(task, 'the slot has a newer task'));
}

function mayOverlap(scene: ServiceScene): boolean {
  return updateConfigOf(scene.service)?.order === 'start-first';
}

function afterEnding(slot: WantedSlot, current: Task, scene: ServiceScene): readonly TaskChange[] {
  if (current.taskHash !== scene.service.taskHash) {
    return slot.mayFill
      ? replaceNow(slot, current, scene, { cause: 'the service was changed' })
      : [];
  }
  const revival = revivalCause(current, scene);
  if (revival !== undefined && slot.mayFill) {
    return replaceNow(slot, current, scene, { cause: revival });
  }
  const verdict = afterEnd(current, scene.service.spec.task.restart, scene.now);
  switch (verdict.kind) {
    case 'keep':
      return [];
    case 'wait':
      return [{ kind: 'wait', until: verdict.until, cause: verdict.cause }];
    case 'replace': {
      const { kind: _kind, ...rest } = verdict;
      return slot.mayFill ? replaceNow(slot, current, scene, rest) : [];
    }
  }
}

/** A task that has no node yet is made anew when it would be placed by what holds no more. */
function correctUnplaced(
  slot: WantedSlot,
  current: Task,
  scene: ServiceScene,
): readonly TaskChange[] {
  const cause = outOfDateCause(slot, current, scene);
  if (cause === undefined) return [];
  return replaceNow(slot, current, scene, { cause });
}

function outOfDateCause(slot: WantedSlot, current: Task, scene: ServiceScene): string | undefined {
  const { service } = scene;
  const { placement } = service.spec.task;
  if (current.taskHash !== service.taskHash) return 'the service was changed';
  if (!isSame(current.spec.placement, placement)) return 'its placement was changed';
  if (slot.nodeId !== undefined || current.nodeId === undefined) return undefined;
  const node = nodeOf(current, scene);
  if (node === undefined || isLost(node)) return lossOf(current, scene);
  return unfitCause(node, service);
}

function isSame(a: Placement, b: Placement): boolean {
  return a === b || canonicalJson(a) === canonicalJson(b);
}

/**
 * A slot in which something has been before is one short when it waits for a node; one that never was
 * filled is not: a replica too many for the cluster must not hold up updates of the others.
 */
function wasPlaced(task: Task): boolean {
  const { state } = task.status;
  return state !== 'new' && state !== 'pending' && task.desired !== 'remove';
}

function openGate(current: Task, scene: ServiceScene): readonly TaskChange[] {
  if (current.desired !== 'ready') return [];
  const { open, trouble } = scene.gate;
  const { id: taskId, slot } = current;
  const told = current.explanation?.summary;
  if (open) {
    const cause = 'its dependencies are met';
    const start = { kind: 'desire', taskId, slot, desired: 'running', cause } as const;
    const wasTold = told?.startsWith('dependency ') === true;
    return wasTold
      ? [{ kind: 'explain', taskId, slot, summary: undefined, cause }, start]
      : [start];
  }
  // Before it has a node the explanation is the scheduler's.
  if (trouble === undefined || trouble === told || !isAssigned(current.status.state)) return [];
  return [{ kind: 'explain', taskId, slot, summary: trouble, cause: trouble }];
}

/**
 * Ends what is there, which is dead or on a node that is, and fills the slot in the same breath; unless
 * another task of it still runs.
 */
function replaceNow(
  slot: WantedSlot,
  current: Task,
  scene: ServiceScene,
  how: { readonly cause: string } & Pick<NewTask, 'attempts' | 'notBefore'>,
): readonly TaskChange[] {
  const isAlone = !scene.tasks.some(
    (task) => task.slot === current.slot && task !== current && isHeld(task, scene),
  );
  const mayFill = slot.mayFill && (isAlone || mayOverlap(scene));
  return [retire(current, how.cause), ...(mayFill ? [create(slot, scene, how)] : [])];
}

/** Shuts it down; what has no node yet is forgotten. */
export function retire(task: Task, cause: string): TaskChange {
  const { state } = task.status;
  return state === 'new' || state === 'pending' ? forget(task, cause) : shutDown(task, cause);
}

export function shutDown(task: Task, cause: string): TaskChange {
  return { kind: 'desire', taskId: task.id, slot: task.slot, desired: 'shutdown', cause };
}

export function forget(task: Task, cause: string, fence = false): TaskChange {
  return { kind: 'delete', taskId: task.id, slot: task.slot, fence, cause };
}

export function create(
  slot: WantedSlot,
  scene: ServiceScene,
  how: { readonly cause: string } & Partial<NewTask>,
): TaskChange {
  const { cause, ...options } = how;
  const nodeId = options.adopts?.nodeId ?? slot.nodeId;
  return {
    kind: 'create',
    task: {
      ...options,
      slot: slot.slot,
      ...(nodeId === undefined ? {} : { nodeId }),
      desired: scene.gate.open ? 'running' : 'ready',
    },
    cause,
  };
}
