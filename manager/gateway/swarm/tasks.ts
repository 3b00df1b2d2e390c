import { readVisible } from '../../access/required-right.js';
import type { Node } from '../../common/model/node.js';
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
  const filters = resolved(view, parseQueryFilters(query, taskFilters));
  const services = new Map<Service['id'], Service | undefined>();
  const serviceOf = ({ serviceId }: Task): Service | undefined => {
    if (!services.has(serviceId)) services.set(serviceId, view.get('services', serviceId));
    return services.get(serviceId);
  };
  const shown = candidates(view, filters).flatMap((task) => {
    const service = serviceOf(task);
    if (service !== undefined && !isSwarmService(service)) return [];
    return matchesTask({ task, service }, filters) ? [toSwarmTask(task, service, view)] : [];
  });
  return jsonResponse(shown);
};

/** The filters with the ids of the services and nodes that they name, each once. Throws `not-found`. */
function resolved(view: StoreView, filters: QueryFilters): QueryFilters {
  const services = filters.get('service')?.map((reference) => serviceId(view, reference));
  const nodes = filters.get('node')?.map((reference) => findSwarmNode(view, reference).id);
  return new Map([
    ...filters,
    ...(services === undefined ? [] : [['service', [...new Set(services)]] as const]),
    ...(nodes === undefined ? [] : [['node', [...new Set(nodes)]] as const]),
  ]);
}

/** The id of a service, also while it is being removed: its tasks are shown until they have ended. */
function serviceId(view: StoreView, reference: string): Service['id'] {
  const known = view.get('services', reference as Service['id']) ?? view.serviceByName(reference);
  return known?.id ?? findSwarmService(view, reference).id;
}

/** Tasks that may match: an index finds those of some services or nodes. */
function candidates(view: StoreView, filters: QueryFilters): readonly Task[] {
  const [services, nodes] = [filters.get('service'), filters.get('node')];
  if (services !== undefined) {
    return services.flatMap((id) => view.tasksOfService(id as Service['id']));
  }
  if (nodes !== undefined) return nodes.flatMap((id) => view.tasksOfNode(id as Node['id']));
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
