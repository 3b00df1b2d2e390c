import type { TaskSpec } from '../../common/model/service.js';
import { anonymousVolumeLabel } from '../create/volume-body.js';
import { removeUnused } from '../remove-unused.js';
import { volumesOf } from '../translate/volume.js';
import { deployCluster } from '../../access/required-right.js';
import { AppError } from '../../common/base/errors.js';
import type { ApiRequest, GatewayContext, Route, RouteHandler } from '../context.js';
import type { PlacedContainer } from '../find-container.js';
import { findContainer } from '../find-container.js';
import { flagParameter } from '../query.js';
import type { ApiResponse } from '../response.js';
import type { StoreView } from '../../store/store.js';
import { waitForState } from '../wait-for-state.js';

/** Deadline of a node to stop and remove a container. */
const removalMs = 30_000;

/**
 * Removes a container. A client's own is gone for good; that of a service is replaced by the
 * orchestrator.
 */
const remove: RouteHandler = async (context, request, reference = ''): Promise<ApiResponse> => {
  const { query } = request;
  if (flagParameter(query, 'link')) {
    throw new AppError('unsupported', 'link: removing links is not supported');
  }
  const item = findContainer(context.store.view, reference);
  requireNode(item, 'remove');
  const force = flagParameter(query, 'force');
  const volumes = flagParameter(query, 'v') ? anonymousVolumesOf(context.store.view, item) : [];
  await context.control('container.remove', { taskId: item.task.id, force }, request);
  await untilRemoved(context, item, request);
  await removeUnused(volumes, (name) =>
    context.control('volume.remove', { name, force: true }, request),
  );
  return { kind: 'empty', status: 204 };
};

/**
 * Anonymous volumes of a container; none while another container borrows its volumes. The control
 * API refuses to remove those that another service mounts.
 */
export function anonymousVolumesOf(
  view: StoreView,
  { task }: Pick<PlacedContainer, 'task'>,
): readonly string[] {
  const own = volumesOf(task.spec).filter((name) =>
    Object.hasOwn(view.volumeByName(name)?.spec.labels ?? {}, anonymousVolumeLabel),
  );
  const { containerId } = task.status;
  const isLent = (): boolean =>
    view.list('services').some(({ spec }) => borrows(spec.task, containerId));
  return own.length === 0 || isLent() ? [] : own;
}

/** Whether a client's container mounts the volumes of another one (`--volumes-from`). */
function borrows({ container }: TaskSpec, containerId: string | undefined): boolean {
  const lenders = container.hostConfig.VolumesFrom;
  if (!Array.isArray(lenders)) return false;
  return lenders.some((lender) => String(lender).split(':')[0] === containerId);
}

/**
 * Throws `unavailable` if the container's node does not answer and may come back at any moment. A
 * node that is down is cleaned up when it returns.
 */
export function requireNode(item: PlacedContainer, verb: string): void {
  if (item.node.status.state !== 'down') requireUp(item, verb);
}

/** Throws `unavailable` if the container's node does not answer or is down. */
export function requireUp({ task, node }: PlacedContainer, verb: string): void {
  const { state } = node.status;
  if (state === 'ready') return;
  throw new AppError(
    'unavailable',
    `cannot ${verb} container ${task.containerName}: node ${node.spec.name} is ${state}`,
  );
}

/** Waits until the container's node has removed it. Throws `timeout`. */
export async function untilRemoved(
  context: GatewayContext,
  { task, node }: PlacedContainer,
  request: Pick<ApiRequest, 'signal'>,
): Promise<void> {
  const { view } = context.store;
  const isOwn = task.spec.container.origin !== undefined;
  const isDone = (): boolean =>
    isOwn
      ? view.get('services', task.serviceId) === undefined
      : view.get('tasks', task.id) === undefined;
  const what = `node ${node.spec.name} to remove container ${task.containerName}`;
  await waitForState(context, request, { isDone, waitMs: removalMs, what });
}

export const removalRoutes: readonly Route[] = [
  {
    method: 'DELETE',
    pattern: /^\/containers\/([^/]+(?:\/[^/]+)?)$/u,
    right: deployCluster,
    handler: remove,
  },
];
