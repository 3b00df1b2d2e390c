import { AppError } from '../common/base/errors.js';
import type { TaskStatus } from '../common/model/task.js';

/** The error with which a node's engine ended a task; its kind gives the client the status. */
export function failureOf({ error, errorKind, message }: TaskStatus): AppError {
  return new AppError(errorKind ?? 'internal', error ?? message);
}
