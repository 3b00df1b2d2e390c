import { deployCluster } from '../../access/required-right.js';
import { containerState } from '../../common/model/container-state.js';
import type { Route, RouteHandler } from '../context.js';
import { parseQueryFilters, passesLabels, pruneFilters, untilFilter } from '../filters.js';
import type { PlacedContainer } from '../find-container.js';
import { listContainers } from '../find-container.js';
import { jsonResponse } from '../response.js';
import { removeUnused } from '../remove-unused.js';
import { labelsOf } from '../translate/labels.js';
import { sizesOf } from './containers.js';
import { untilRemoved } from './remove.js';

/**
 * Removes stopped containers that clients created, with what they have written. Those of services
 * stay: the orchestrator would replace them, and an ended job would run again.
 */
const prune: RouteHandler = async (context, request) => {
  const { store, clock, cluster, control } = context;
  const filters = parseQueryFilters(request.query, pruneFilters);
  const until = untilFilter(filters, clock.now());
  const stopped = listContainers(store.view)
    .filter(isPrunable)
    .filter(({ task }) => task.createdAt < until)
    .filter((item) => passesLabels(filters, labelsOf(item, cluster.id)));
  const sizes = await sizesOf(context, stopped, request);
  const removed = await removeUnused(stopped, ({ task }) =>
    control('container.remove', { taskId: task.id, force: false }, request),
  );
  await Promise.all(removed.map((item) => untilRemoved(context, item, request)));
  const ids = removed.map(({ containerId }) => containerId);
  return jsonResponse({
    ContainersDeleted: ids.length === 0 ? null : ids,
    SpaceReclaimed: ids.reduce((sum, id) => sum + (sizes.get(id)?.SizeRw ?? 0), 0),
  });
};

/** A stopped container of a client on a node that answers. */
function isPrunable({ task, node }: PlacedContainer): boolean {
  const isStopped = ['created', 'exited', 'dead'].includes(containerState(task));
  const isOwn = task.spec.container.origin !== undefined;
  return isOwn && isStopped && node.status.state === 'ready';
}

export const pruneRoutes: readonly Route[] = [
  { method: 'POST', pattern: /^\/containers\/prune$/u, right: deployCluster, handler: prune },
];
