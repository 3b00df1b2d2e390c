import { humanDuration } from '../base/human-duration.js';
import type { Node } from './node.js';
import type { Task } from './task.js';
import type { TaskState } from './task-state.js';
import { isTerminal } from './task-state.js';

/** Whether the task's node is silent, so that nothing is known about the container now. */
export function isUnknown(task: Task, node: Node | undefined): boolean {
  return node !== undefined && node.status.state !== 'ready' && !isTerminal(task.status.state);
}

/** Docker's container states, and `pending` for tasks without a container. */
export type ContainerState =
  'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead' | 'pending';

/** Whether the engine is between two restarts of a container; `startedAt` is absent then. */
function isRestarting({ status }: Task): boolean {
  return status.state === 'running' && status.startedAt === undefined;
}

/** Whether the container of an ended task ever ran; the engine's start may have failed. */
function hasRun({ status: { state, exitCode, startedAt, error = '' } }: Task): boolean {
  // The status of an orphaned task is the last one that its node reported.
  if (state === 'orphaned' || exitCode !== undefined || startedAt !== undefined) return true;
  return error.startsWith('post_start hook ');
}

export function containerState(task: Task): ContainerState {
  const { state, paused, containerId } = task.status;
  if (isTerminal(state)) {
    if (task.desired === 'remove') return 'removing';
    if (containerId === undefined) return 'dead';
    return hasRun(task) ? 'exited' : 'created';
  }
  if (state === 'running') {
    if (isRestarting(task)) return 'restarting';
    return paused === true ? 'paused' : 'running';
  }
  return containerId === undefined ? 'pending' : 'created';
}

/**
 * Docker's STATUS column: `Up 2 minutes (healthy)`, `Exited (1) 3 seconds ago`, or the reason if
 * there is no container.
 */
export function statusText(task: Task, now: number, node?: Node): string {
  if (node !== undefined && isUnknown(task, node)) {
    const isSilent = node.status.state === 'unknown' && node.status.engine === 'silent';
    return isSilent ? 'Unknown (engine does not answer)' : `Unknown (node ${node.status.state})`;
  }
  const { status } = task;
  const ago = (from: number): string => `${humanDuration(now - from)} ago`;
  switch (containerState(task)) {
    case 'running':
      return upText(task, now);
    case 'paused':
      return `${upText(task, now)} (Paused)`;
    case 'restarting':
      return `Restarting (${exitCodeText(task)}) ${ago(status.at)}`;
    case 'exited':
      return `Exited (${exitCodeText(task)}) ${ago(status.at)}`;
    case 'removing':
      return 'Removal In Progress';
    case 'created':
      return status.error === undefined ? 'Created' : `Created: ${status.error}`;
    case 'dead':
      return deadText(task);
    case 'pending':
      return pendingText(task);
  }
}

function exitCodeText({ status }: Task): string {
  return String(status.exitCode ?? 'unknown');
}

function upText({ status }: Task, now: number): string {
  const health =
    status.health === undefined
      ? ''
      : ` (${status.health === 'starting' ? 'health: starting' : status.health})`;
  return `Up ${humanDuration(now - (status.startedAt ?? now))}${health}`;
}

function deadText({ status }: Task): string {
  const reason = status.error ?? status.message;
  const label = status.state === 'rejected' ? 'Rejected' : 'Dead';
  return reason === '' ? label : `${label}: ${reason}`;
}

/** Labels of tasks that have a node; all others are `Pending`. */
const pendingLabels: Readonly<Partial<Record<TaskState, string>>> = {
  assigned: 'Scheduled',
  accepted: 'Scheduled',
  preparing: 'Preparing',
  ready: 'Created',
  starting: 'Starting',
};

function pendingText(task: Task): string {
  const reason = pendingReason(task);
  const label = pendingLabels[task.status.state] ?? 'Pending';
  return reason === undefined ? label : `${label}: ${reason}`;
}

/** Why a task has no node; undefined if it has one or was not scheduled yet. */
export function pendingReason(task: Task): string | undefined {
  if (task.status.state !== 'pending' && task.status.state !== 'new') return undefined;
  return task.explanation?.placed === false ? task.explanation.summary : undefined;
}
