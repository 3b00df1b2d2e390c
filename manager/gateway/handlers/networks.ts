import { readVisible } from '../../access/required-right.js';
import { containerState } from '../../common/model/container-state.js';
import type { ApiResponse } from '../response.js';
import { jsonResponse } from '../response.js';
import type { ApiRequest, GatewayContext, RouteHandler, Route } from '../context.js';
import { listContainers, type PlacedContainer } from '../find-container.js';
import { parseQueryFilters } from '../filters.js';
import { lookupNetwork } from '../find-resource.js';
import { networkFilters, matchesNetwork, toNetwork } from '../translate/network.js';

function list({ store }: GatewayContext, { query }: ApiRequest): ApiResponse {
  const filters = parseQueryFilters(query, networkFilters);
  const networks = store.view
    .list('networks')
    .filter((network) =>
      matchesNetwork(network, filters, store.view.tasksOfNetwork(network.id).length > 0),
    );
  // As on the Docker Engine, only inspect lists the containers of a network.
  return jsonResponse(networks.map((network) => toNetwork(network, [])));
}

const inspect: RouteHandler = ({ store }, _request, reference = '') => {
  const network = lookupNetwork(store.view, reference);
  return jsonResponse(toNetwork(network, listContainers(store.view).filter(isUp)));
};

function isUp({ task, node }: PlacedContainer): boolean {
  return ['running', 'paused'].includes(containerState(task)) && node.status.state !== 'down';
}

export const networkRoutes: readonly Route[] = [
  { method: 'GET', pattern: /^\/networks\/?$/u, right: readVisible, handler: list },
  { method: 'GET', pattern: /^\/networks\/(.+)$/u, right: readVisible, handler: inspect },
];
