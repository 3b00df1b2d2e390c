import { isAppError } from '../base/errors.js';
import type { ControlCallName } from './control.js';

const connectCodes = new Set([
  ...['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'ENOTFOUND'],
]);

/**
 * Whether the connection was never established, so the request was not executed and is safe to
 * retry. The transport keeps the socket error as the `cause` of its own.
 */
export function isConnectError(error: unknown): boolean {
  const cause = isAppError(error) ? (error.cause as { readonly code?: unknown }) : undefined;
  return typeof cause?.code === 'string' && connectCodes.has(cause.code);
}

/** Idempotent calls: they read or set a desired state, so they are safe to retry. */
export const idempotentCalls: ReadonlySet<string> = new Set<ControlCallName>([
  ...([
    'info',
    'project.apply',
    'project.remove',
    'project.list',
    'preview',
    'service.list',
  ] as const),
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
