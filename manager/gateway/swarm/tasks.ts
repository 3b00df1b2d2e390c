import { readVisible } from '../../access/required-right.js';
import type { Service } from '../../common/model/service.js';
import type { Task } from '../../common/model/task.js';
import type { StoreView } from '../../store/store.js';
import type { Route, RouteHandler } from '../context.js';
import type { QueryFilters } from '../filters.js';
import { parseQueryFilters } from '../filters.js';
import { jsonResponse } from '../response.js';
import { isSwarmService } from '../translate/swarm/object.js';
import { matchesTask, taskFilters, toSwarmTask } from '../translate/swarm/task.js';
import { findSwarmService, findSwarmNode, findSwarmTask } from './find.js';

const list: RouteHandler = ({ store: { view } }, { query }) => {
  const filters = parseQueryFilters(query, taskFilters);
  const services = new Map<Service['id'], Service | undefined>();
  const serviceOf = ({ serviceId }: Task): Service | undefined => {
    if (!services.has(serviceId)) services.set(serviceId, view.get('services', serviceId));
    return services.get(serviceId);
  };
  const shown = candidates(view, filters).flatMap((task) => {
    const service = serviceOf(task);
    if (service !== undefined && !isSwarmService(service)) return [];
    const node = task.nodeId === undefined ? undefined : view.get('nodes', task.nodeId);
    if (!matchesTask({ task, service, node }, filters)) return [];
    return [toSwarmTask(task, service, view)];
  });
  return jsonResponse(shown);
};

/** Tasks that may match: an index finds those of some services or nodes. */
function candidates(view: StoreView, filters: QueryFilters): readonly Task[] {
  const [services, nodes] = [filters.get('service'), filters.get('node')];
  if (services !== undefined) {
    return services.flatMap((reference) => {
      const found =
        view.get('services', reference as Service['id']) ?? view.serviceByName(reference);
      return found === undefined
        ? view.tasksOfService(findSwarmService(view, reference).id)
        : view.tasksOfService(found.id);
    });
  }
  if (nodes !== undefined) {
    return nodes.flatMap((reference) => view.tasksOfNode(findSwarmNode(view, reference).id));
  }
  return view.list('tasks');
}

const inspect: RouteHandler = ({ store: { view } }, _request, reference = '') => {
  const task = findSwarmTask(view, reference);
  return jsonResponse(toSwarmTask(task, view.get('services', task.serviceId), view));
};

export const swarmTaskRoutes: readonly Route[] = [
  { method: 'GET', pattern: /^\/tasks$/u, right: readVisible, handler: list },
  { method: 'GET', pattern: /^\/tasks\/([^/]+)$/u, right: readVisible, handler: inspect },
];
