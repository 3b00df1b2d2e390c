import { readVisible } from '../../access/required-right.js';
import type { Route, RouteHandler } from '../context.js';
import { parseQueryFilters } from '../filters.js';
import { flagParameter } from '../query.js';
import { jsonResponse } from '../response.js';
import {
  matchesService,
  serviceFilters,
  toServiceStatus,
  toSwarmService,
} from '../translate/swarm/service.js';
import { findSwarmService, swarmServices } from './find.js';

const list: RouteHandler = ({ store: { view } }, { query }) => {
  const filters = parseQueryFilters(query, serviceFilters);
  const hasStatus = flagParameter(query, 'status');
  const services = swarmServices(view).filter((service) => matchesService(service, filters));
  return jsonResponse(
    services.map((service) => ({
      ...toSwarmService(service, view),
      ...(hasStatus
        ? { ServiceStatus: toServiceStatus(service, view.tasksOfService(service.id)) }
        : {}),
    })),
  );
};

const inspect: RouteHandler = ({ store: { view } }, _request, reference = '') =>
  jsonResponse(toSwarmService(findSwarmService(view, reference), view));

export const swarmServiceRoutes: readonly Route[] = [
  { method: 'GET', pattern: /^\/services$/u, right: readVisible, handler: list },
  { method: 'GET', pattern: /^\/services\/([^/]+)$/u, right: readVisible, handler: inspect },
];
