import { isAppError } from '../base/errors.js';
import type { ControlCallName } from './control.js';

const connectCodes = new Set([
  ...['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'ENOTFOUND'],
]);

/**
 * No connection came to be, so nobody has begun to carry it out. The transport keeps the socket's error as
 * the cause of its own.
 */
export function wasNotSent(error: unknown): boolean {
  const cause = isAppError(error) ? (error.cause as { readonly code?: unknown }) : undefined;
  return typeof cause?.code === 'string' && connectCodes.has(cause.code);
}

/** Calls that read, or say how things shall be: done twice they do no more than once. */
export const repeatableCalls: ReadonlySet<string> = new Set<ControlCallName>([
  ...(['info', 'project.apply', 'project.remove', 'project.list', 'service.list'] as const),
  ...([
    'service.scale',
    'service.halt',
    'image.find',
    'image.resolve',
    'task.list',
    'task.top',
  ] as const),
  ...(['task.stat-path', 'task.inspect', 'node.list', 'manager.list', 'network.list'] as const),
  ...(['volume.list', 'secret.list', 'config.list'] as const),
]);
