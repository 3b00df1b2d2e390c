/**
 * States of a task, in order. A task only moves forward; each transition has one owner. The table
 * of transitions is data, so that the store can check every write against it.
 */
export const taskStates = [
  'new',
  'pending',
  'assigned',
  'accepted',
  'preparing',
  'ready',
  'starting',
  'running',
  'complete',
  'shutdown',
  'failed',
  'rejected',
  'orphaned',
] as const;
export type TaskState = (typeof taskStates)[number];

/** State that the orchestrator wants a task to reach; also only moves forward. */
export const desiredStates = ['ready', 'running', 'complete', 'shutdown', 'remove'] as const;
export type DesiredState = (typeof desiredStates)[number];

/** Writer of a change. `control` acts for a user; `dispatcher` writes what a worker reported. */
export type Actor =
  'control' | 'orchestrator' | 'allocator' | 'scheduler' | 'dispatcher' | 'worker' | 'restore';

export function stateRank(state: TaskState): number {
  return taskStates.indexOf(state);
}

export function isTerminal(state: TaskState): boolean {
  return stateRank(state) >= stateRank('complete');
}

/** Whether a task is assigned and has not ended: it holds its address, ports and reservations. */
export function isAssigned(state: TaskState): boolean {
  return stateRank(state) >= stateRank('assigned') && !isTerminal(state);
}

const runStates = ['accepted', 'preparing', 'ready', 'starting', 'running'] as const;

/** For each state: the actors that may move a task into it, and from which states. */
const moves: Readonly<Record<TaskState, { by: readonly Actor[]; from: readonly TaskState[] }>> = {
  new: { by: ['orchestrator'], from: [] },
  pending: { by: ['allocator'], from: ['new'] },
  assigned: { by: ['scheduler'], from: ['pending'] },
  accepted: { by: ['dispatcher'], from: ['assigned'] },
  preparing: { by: ['dispatcher'], from: ['assigned', 'accepted'] },
  ready: { by: ['dispatcher'], from: ['assigned', 'accepted', 'preparing'] },
  starting: { by: ['dispatcher'], from: ['assigned', 'accepted', 'preparing', 'ready'] },
  running: { by: ['dispatcher'], from: ['assigned', 'accepted', 'preparing', 'ready', 'starting'] },
  complete: { by: ['dispatcher'], from: ['assigned', ...runStates] },
  shutdown: { by: ['dispatcher'], from: ['assigned', ...runStates] },
  failed: { by: ['dispatcher'], from: ['assigned', ...runStates] },
  rejected: { by: ['dispatcher'], from: ['assigned', ...runStates] },
  orphaned: { by: ['dispatcher'], from: ['assigned', ...runStates] },
};

/** Whether `actor` may move a task from `from` (undefined: a new task) to `to`. */
export function canTransition(from: TaskState | undefined, to: TaskState, actor: Actor): boolean {
  if (actor === 'restore' || from === to) return true;
  const move = moves[to];
  if (!move.by.includes(actor)) return false;
  return from === undefined ? move.from.length === 0 : move.from.includes(from);
}

/** Whether the desired state may change from `from` to `to`: forward or unchanged. */
export function canChangeDesired(from: DesiredState, to: DesiredState): boolean {
  return desiredStates.indexOf(to) >= desiredStates.indexOf(from);
}
