import { containerState } from '../../common/model/container-state.js';
import type { Answer } from '../answer.js';
import { json } from '../answer.js';
import type { ApiRequest, GatewayContext, Handler, Route } from '../context.js';
import { listContainers, type Placed } from '../find-container.js';
import { parseFilters } from '../filters.js';
import { findNetwork } from '../find-resource.js';
import { networkFilters, networkFits, toNetwork } from '../translate/network.js';

function list({ store }: GatewayContext, { query }: ApiRequest): Answer {
  const filters = parseFilters(query, networkFilters);
  const networks = store.view
    .list('networks')
    .filter((network) =>
      networkFits(network, filters, store.view.tasksOfNetwork(network.id).length > 0),
    );
  // As on the Docker Engine, only inspect lists the containers of a network.
  return json(networks.map((network) => toNetwork(network, [])));
}

const inspect: Handler = ({ store }, _request, reference = '') => {
  const network = findNetwork(store.view, reference);
  return json(toNetwork(network, listContainers(store.view).filter(isUp)));
};

function isUp({ task, node }: Placed): boolean {
  return ['running', 'paused'].includes(containerState(task)) && node.status.state !== 'down';
}

export const networkRoutes: readonly Route[] = [
  { method: 'GET', pattern: /^\/networks\/?$/u, handler: list },
  { method: 'GET', pattern: /^\/networks\/(.+)$/u, handler: inspect },
];
