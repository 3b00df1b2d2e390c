import { updateConfigOf } from '../common/model/rollback.js';
import type { Task } from '../common/model/task.js';
import { isAssigned, isTerminal, stateRank } from '../common/model/task-state.js';
import { isAvailable, isNodeLost, isWanted, wasRejected } from '../store/slots.js';
import { evictionOf, isForcedOut } from './enforce.js';
import type { ServiceSnapshot, WantedSlot } from './service-snapshot.js';
import { nodeOf } from './service-snapshot.js';

/*
 * Two tasks share a slot while one takes over from the other. Start-first: both run, and the old one
 * leaves once the new one is available. Stop-first: the new one is placed and created, but not
 * started (desired state `ready`) before the old one has ended; the old one leaves only when the new
 * one is ready to start, so that a slot that fits nowhere else keeps its task.
 */

/** Whether two tasks of a slot may run at the same time. */
export function mayOverlap(snapshot: ServiceSnapshot): boolean {
  return updateConfigOf(snapshot.service)?.order === 'start-first';
}

/** Whether the task is assigned to a node that is not lost. */
export function isHeld(task: Task, snapshot: ServiceSnapshot): boolean {
  return isAssigned(task.status.state) && !isNodeLost(nodeOf(task, snapshot));
}

/** Whether the task runs, is wanted and its node is not lost. */
export function isServing(task: Task, snapshot: ServiceSnapshot): boolean {
  return isWanted(task) && task.status.state === 'running' && isHeld(task, snapshot);
}

/** Whether an older task of the slot is no longer needed. */
export function mayLeave(older: Task, current: Task, snapshot: ServiceSnapshot): boolean {
  if (isAvailable(current) || current.status.state === 'complete') return true;
  if (!isHeld(older, snapshot) || isForcedOut(nodeOf(older, snapshot))) return true;
  if (isBlockedByPredecessor(current)) return true;
  return !mayOverlap(snapshot) && !isGettingReady(current);
}

/** Whether the new task fits nowhere but on its predecessor's node, after that has stopped. */
function isBlockedByPredecessor({ status, explanation }: Task): boolean {
  return status.state === 'pending' && explanation?.awaits === 'predecessor';
}

/** Whether a task that is to take over is not ready to start yet, or was rejected before. */
function isGettingReady(task: Task): boolean {
  if (task.desired !== 'ready') return false;
  return stateRank(task.status.state) < stateRank('ready') || wasRejected(task);
}

/** Whether the task may start only after another task of its slot has ended. */
export function awaitsEndOf(current: Task, snapshot: ServiceSnapshot): boolean {
  if (mayOverlap(snapshot)) return false;
  return snapshot.tasks.some(
    (task) => task.slot === current.slot && task !== current && isHeld(task, snapshot),
  );
}

/**
 * Whether the current task was to take over from an older one that may stay after all: its node was
 * activated again, or its label was restored.
 */
export function isNeedless(
  current: Task,
  tasks: readonly Task[],
  snapshot: ServiceSnapshot,
): boolean {
  const { taskHash } = snapshot.service;
  if (current.taskHash !== taskHash || isAvailable(current) || isTerminal(current.status.state)) {
    return false;
  }
  return tasks.some(
    (task) =>
      task !== current &&
      task.taskHash === taskHash &&
      isAvailable(task) &&
      isServing(task, snapshot) &&
      evictionOf(task, snapshot) === undefined,
  );
}

/**
 * Whether an outdated task leaves only when its successor has a node: its own node is paused, so
 * the successor may have none.
 */
export function mustReservePlace(slot: WantedSlot, task: Task, snapshot: ServiceSnapshot): boolean {
  return (
    slot.nodeId === undefined &&
    !snapshot.hasFollowers &&
    snapshot.leaders.length === 0 &&
    task.status.state === 'running' &&
    nodeOf(task, snapshot)?.spec.availability === 'pause'
  );
}
