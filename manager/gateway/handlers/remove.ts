import { deployCluster } from '../../access/required-right.js';
import { AppError } from '../../common/base/errors.js';
import { waitUntil } from '../../store/wait-until.js';
import type { GatewayContext, Route, RouteHandler } from '../context.js';
import type { PlacedContainer } from '../find-container.js';
import { findContainer } from '../find-container.js';
import { flagParameter } from '../query.js';
import type { ApiResponse } from '../response.js';

/** Deadline of a node to stop and remove a container. */
const removalMs = 30_000;

/**
 * Removes a container. A client's own is gone for good; that of a service is replaced by the
 * orchestrator.
 */
const remove: RouteHandler = async (context, request, reference = ''): Promise<ApiResponse> => {
  const { query, signal } = request;
  if (flagParameter(query, 'link')) {
    throw new AppError('unsupported', 'link: removing links is not supported');
  }
  const item = findContainer(context.store.view, reference);
  requireNode(item, 'remove');
  const force = flagParameter(query, 'force');
  await context.control('container.remove', { taskId: item.task.id, force }, request);
  await untilRemoved(context, item, signal);
  return { kind: 'empty', status: 204 };
};

/** Throws `unavailable` if the container's node does not answer. */
export function requireNode({ task, node }: PlacedContainer, verb: string): void {
  const { state } = node.status;
  if (state === 'ready' || state === 'down') return;
  throw new AppError(
    'unavailable',
    `cannot ${verb} container ${task.containerName}: node ${node.spec.name} is ${state}`,
  );
}

/** Waits until the container's node has removed it. Throws `timeout`. */
export async function untilRemoved(
  { store }: GatewayContext,
  { task, node }: PlacedContainer,
  signal: AbortSignal,
): Promise<void> {
  const isOwn = task.spec.container.origin !== undefined;
  const isGone = (): boolean =>
    isOwn
      ? store.view.get('services', task.serviceId) === undefined
      : store.view.get('tasks', task.id) === undefined;
  const deadline = AbortSignal.timeout(removalMs);
  await waitUntil(store, isGone, AbortSignal.any([signal, deadline]));
  if (isGone()) return;
  throw new AppError(
    'timeout',
    `container ${task.containerName}: node ${node.spec.name} has not removed it after ${String(removalMs / 1000)} s`,
  );
}

export const removalRoutes: readonly Route[] = [
  {
    method: 'DELETE',
    pattern: /^\/containers\/([^/]+(?:\/[^/]+)?)$/u,
    right: deployCluster,
    handler: remove,
  },
];
