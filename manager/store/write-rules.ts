import { AppError } from '../common/base/errors.js';
import type { Task } from '../common/model/task.js';
import type { Actor } from '../common/model/task-state.js';
import { canChangeDesired, canTransition } from '../common/model/task-state.js';

/** Validates a task write against the state transition table. Throws `internal` for a violation. */
export function validateTaskWrite(actor: Actor, before: Task | undefined, after: Task): void {
  const from = before?.status.state;
  const to = after.status.state;
  if (!canTransition(from, to, actor)) {
    throw new AppError(
      'internal',
      `task ${after.id}: ${actor} may not change its state from ${from ?? 'none'} to ${to}`,
    );
  }
  if (before === undefined || actor === 'restore') return;
  if (!canChangeDesired(before.desired, after.desired)) {
    throw new AppError(
      'internal',
      `task ${after.id}: desired state may not change back from ${before.desired} to ${after.desired}`,
    );
  }
  if (before.nodeId !== undefined && before.nodeId !== after.nodeId) {
    throw new AppError(
      'internal',
      `task ${after.id}: may not change its node from ${before.nodeId} to ${after.nodeId ?? 'none'}`,
    );
  }
}
