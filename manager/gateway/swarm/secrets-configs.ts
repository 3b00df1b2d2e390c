import { readVisible } from '../../access/required-right.js';
import type { Route, RouteHandler } from '../context.js';
import { parseQueryFilters } from '../filters.js';
import { jsonResponse } from '../response.js';
import { dataFilters, matchesData, toSwarmConfig, toSwarmSecret } from '../translate/swarm/data.js';
import { findConfig, findSecret } from './find.js';

const listSecrets: RouteHandler = ({ store: { view } }, { query }) => {
  const filters = parseQueryFilters(query, dataFilters);
  const secrets = view.list('secrets').filter((secret) => matchesData(secret, filters));
  return jsonResponse(secrets.map(toSwarmSecret));
};

const listConfigs: RouteHandler = ({ store: { view } }, { query }) => {
  const filters = parseQueryFilters(query, dataFilters);
  const configs = view.list('configs').filter((config) => matchesData(config, filters));
  return jsonResponse(configs.map(toSwarmConfig));
};

const inspectSecret: RouteHandler = ({ store }, _request, reference = '') =>
  jsonResponse(toSwarmSecret(findSecret(store.view, reference)));

const inspectConfig: RouteHandler = ({ store }, _request, reference = '') =>
  jsonResponse(toSwarmConfig(findConfig(store.view, reference)));

export const secretAndConfigRoutes: readonly Route[] = [
  { method: 'GET', pattern: /^\/secrets$/u, right: readVisible, handler: listSecrets },
  { method: 'GET', pattern: /^\/secrets\/([^/]+)$/u, right: readVisible, handler: inspectSecret },
  { method: 'GET', pattern: /^\/configs$/u, right: readVisible, handler: listConfigs },
  { method: 'GET', pattern: /^\/configs\/([^/]+)$/u, right: readVisible, handler: inspectConfig },
];
