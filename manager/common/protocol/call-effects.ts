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

/**
 * `reads`: changes nothing. `sets`: sets a desired state, so that a repetition changes nothing more.
 * `acts`: a repetition may act twice.
 */
type CallEffect = 'reads' | 'sets' | 'acts';

const callEffects: Readonly<Record<ControlCallName, CallEffect>> = {
  info: 'reads',
  preview: 'reads',
  'project.list': 'reads',
  'project.others': 'reads',
  'project.settings': 'reads',
  'service.list': 'reads',
  'task.list': 'reads',
  'task.top': 'reads',
  'task.stat-path': 'reads',
  'task.inspect': 'reads',
  'image.find': 'reads',
  'image.resolve': 'reads',
  'node.list': 'reads',
  'manager.list': 'reads',
  'network.list': 'reads',
  'volume.list': 'reads',
  'audit.list': 'reads',
  'secret.list': 'reads',
  'config.list': 'reads',
  'project.apply': 'sets',
  'project.remove': 'sets',
  'service.scale': 'sets',
  'service.halt': 'sets',
  'image.pin': 'sets',
  'image.record': 'sets',
  'image.remove': 'acts',
  'task.commit': 'acts',
  'node.update': 'acts',
  'node.remove': 'acts',
  'manager.remove': 'acts',
  'network.create': 'acts',
  'network.remove': 'acts',
  'volume.create': 'acts',
  'volume.remove': 'acts',
  'secret.create': 'acts',
  'secret.remove': 'acts',
  'config.create': 'acts',
  'config.remove': 'acts',
  'project.take-over': 'acts',
  'project.set-policy': 'sets',
  'project.set-quota': 'sets',
  'ca.status': 'reads',
  'ca.request': 'acts',
  'ca.install': 'acts',
  'ca.finish': 'acts',
  'ca.set': 'acts',
  'ca.revoke': 'acts',
  'ca.rotate-key': 'acts',
  'client.create': 'acts',
  'client.list': 'reads',
  'client.update': 'sets',
  'client.remove': 'acts',
  'client.renew': 'acts',
  'client.renew-own': 'acts',
  'token.create': 'acts',
  'token.list': 'reads',
  'token.remove': 'acts',
  'token.rotate': 'acts',
  'service.restart': 'acts',
  'service.kill': 'acts',
  'service.pause': 'acts',
  'service.create': 'acts',
  'service.update': 'acts',
  'service.revert': 'acts',
  'service.remove': 'acts',
  'secret.update': 'acts',
  'config.update': 'acts',
  'service.roll': 'acts',
  'service.rollback': 'acts',
  'service.clean': 'acts',
  'container.create': 'acts',
  'container.discard': 'sets',
  'container.remove': 'sets',
  'container.release': 'sets',
  'container.rename': 'sets',
  'container.connect': 'acts',
  'container.disconnect': 'acts',
  'container.update': 'sets',
};

const callsWith = (...effects: readonly CallEffect[]): ReadonlySet<string> =>
  new Set(
    Object.entries(callEffects).flatMap(([name, effect]) =>
      effects.includes(effect) ? [name] : [],
    ),
  );

/** Calls that change nothing. */
export const readingCalls = callsWith('reads');
/** Calls that are safe to repeat when their outcome is unknown. */
export const idempotentCalls = callsWith('reads', 'sets');
