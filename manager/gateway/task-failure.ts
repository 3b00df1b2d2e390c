import { AppError } from '../common/base/errors.js';
import type { TaskStatus } from '../common/model/task.js';

/** The node's own words before the engine's message. */
const workersWords = /^(?:create|start) container [^\s:]+: /u;

/**
 * The error with which a node's engine ended a task, in the engine's words; its kind gives the
 * client the status.
 */
export function failureOf({ error, errorKind, message }: TaskStatus): AppError {
  return new AppError(errorKind ?? 'internal', (error ?? message).replace(workersWords, ''));
}
