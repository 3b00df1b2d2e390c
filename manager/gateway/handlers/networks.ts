import { deployCluster, readVisible } from '../../access/required-right.js';
import { AppError } from '../../common/base/errors.js';
import { overlaps, parseCidr } from '../../common/address/cidr.js';
import type { Network, NetworkSpec } from '../../common/model/network.js';
import type { Task } from '../../common/model/task.js';
import type { StoreView } from '../../store/store.js';
import type { ApiResponse } from '../response.js';
import { jsonResponse } from '../response.js';
import type { ApiRequest, GatewayContext, RouteHandler, Route } from '../context.js';
import { decodeNetworkBody, predefinedNetworks } from '../create/network-body.js';
import { placedContainer, type PlacedContainer } from '../find-container.js';
import { shortContainerId } from '../../store/container-id.js';
import { byNewest } from '../../store/slots.js';
import { parseQueryFilters, passesLabels, pruneFilters, untilFilter } from '../filters.js';
import { lookupNetwork } from '../find-resource.js';
import {
  labelsOfNetwork,
  matchesNetwork,
  networkFilters,
  toNetwork,
} from '../translate/network.js';
import { findPredefined, listPredefined } from '../translate/predefined-network.js';
import { removeUnused } from '../remove-unused.js';
import { shownState } from '../translate/shown-state.js';
import { waitForState } from '../wait-for-state.js';

function list({ store }: GatewayContext, { query }: ApiRequest): ApiResponse {
  const filters = parseQueryFilters(query, networkFilters);
  for (const type of filters.get('type') ?? []) {
    if (type === 'custom' || type === 'builtin') continue;
    throw new AppError('invalid', `invalid filter: 'type'='${type}'`);
  }
  const networks = store.view
    .list('networks')
    .filter((network) =>
      matchesNetwork(network, filters, store.view.tasksOfNetwork(network.id).length > 0),
    );
  // As on the Docker Engine, only inspect lists the containers of a network.
  return jsonResponse([
    ...listPredefined(filters),
    ...networks.map((network) => toNetwork(network, [])),
  ]);
}

const inspect: RouteHandler = ({ store }, _request, reference = '') => {
  const predefined = findPredefined(reference);
  if (predefined !== undefined) return jsonResponse(predefined);
  const network = lookupNetwork(store.view, reference);
  return jsonResponse(toNetwork(network, attachedTo(store.view, network)));
};

function isUp(item: PlacedContainer): boolean {
  return ['running', 'paused'].includes(shownState(item));
}

/** Deadline of the allocator to choose a subnet, which takes milliseconds. */
const subnetMs = 5_000;
/** Deadline of all nodes to remove their bridge of a network. */
const removalMs = 30_000;

/** Creates a network of the cluster; returns once it has its subnet. */
const create: RouteHandler = async (context, request) => {
  const spec = decodeNetworkBody(await request.body());
  const { name } = spec;
  const { view } = context.store;
  const found = (): Network | undefined => view.networkByName(name);
  if (found()?.removing === true) await untilRemoved(context, request, name);
  if (found() !== undefined) {
    throw new AppError('conflict', `network with name ${name} already exists`);
  }
  requireFreeSubnet(view, spec);
  await context.control('network.create', spec, request);
  const isDone = (): boolean => found()?.subnet !== '';
  await waitForState(context, request, {
    ...{ isDone, waitMs: subnetMs },
    what: `a subnet for network ${name}`,
  });
  return jsonResponse({ Id: found()?.id ?? '', Warning: '' }, 201);
};

/** Throws `forbidden` with the Docker Engine's message if another network has the addresses. */
function requireFreeSubnet(view: StoreView, { subnet }: NetworkSpec): void {
  if (subnet === undefined) return;
  const wanted = parseCidr(subnet);
  const other = view
    .list('networks')
    .find((network) => network.subnet !== '' && overlaps(parseCidr(network.subnet), wanted));
  if (other === undefined) return;
  throw new AppError(
    'forbidden',
    `invalid pool request: Pool overlaps with other one on this address space (${other.subnet} of network ${other.spec.name})`,
  );
}

/** Removes a network; returns once no node has it. */
const remove: RouteHandler = async (context, request, reference = '') => {
  if (predefinedNetworks.has(reference)) {
    throw new AppError('forbidden', `${reference} is a pre-defined network and cannot be removed`);
  }
  const { view } = context.store;
  const network = lookupNetwork(view, reference);
  const { name } = network.spec;
  const users = attachedTo(view, network).filter(({ task }) => !isLeaving(view, task));
  if (users.length > 0) {
    const endpoints = users.map(
      ({ task, containerId }) =>
        `name:"${task.containerName}" id:"${shortContainerId(containerId)}"`,
    );
    throw new AppError(
      'forbidden',
      `error while removing network: network ${name} has active endpoints (${endpoints.join(', ')})`,
    );
  }
  await context.control('network.remove', { name }, request);
  await untilRemoved(context, request, name);
  return { kind: 'empty', status: 204 };
};

/** Containers that run on a network, newest first. */
function attachedTo(view: StoreView, { id }: Network): readonly PlacedContainer[] {
  return [...view.tasksOfNetwork(id)]
    .sort(byNewest)
    .flatMap((task) => placedContainer(view, task) ?? [])
    .filter(isUp);
}

/**
 * Whether a task ends with its service: `docker stack rm` removes services and then their networks,
 * which waits for the containers.
 */
function isLeaving(view: StoreView, { serviceId }: Task): boolean {
  return view.get('services', serviceId)?.removing !== false;
}

/** Throws `timeout` with the nodes that still have the network. */
async function untilRemoved(
  context: GatewayContext,
  request: ApiRequest,
  name: string,
): Promise<void> {
  const { view } = context.store;
  const isDone = (): boolean => view.networkByName(name)?.removing !== true;
  const problems = (view.networkByName(name)?.leftOn ?? []).map(({ problem }) => `; ${problem}`);
  await waitForState(context, request, {
    ...{ isDone, waitMs: removalMs },
    what: `network ${name} to be removed from all nodes${problems.join('')}`,
  });
}

/** Removes the networks that no service and no container has. */
const prune: RouteHandler = async (context, request) => {
  const { store, clock } = context;
  const filters = parseQueryFilters(request.query, pruneFilters);
  const until = untilFilter(filters, clock.now());
  const used = new Set(
    store.view
      .list('services')
      .flatMap(({ spec }) => spec.task.networks.map(({ network }) => network)),
  );
  const unused = store.view
    .list('networks')
    .filter((network) => !network.removing && network.createdAt < until)
    .filter(({ id, spec }) => !used.has(spec.name) && store.view.tasksOfNetwork(id).length === 0)
    .filter((network) => passesLabels(filters, labelsOfNetwork(network)));
  const names = await removeUnused(
    unused.map(({ spec }) => spec.name),
    (name) => context.control('network.remove', { name }, request),
  );
  await Promise.all(names.map((name) => untilRemoved(context, request, name)));
  return jsonResponse({ NetworksDeleted: names.length === 0 ? null : names });
};

export const networkRoutes: readonly Route[] = [
  { method: 'GET', pattern: /^\/networks\/?$/u, right: readVisible, handler: list },
  { method: 'GET', pattern: /^\/networks\/(.+)$/u, right: readVisible, handler: inspect },
  { method: 'POST', pattern: /^\/networks\/create$/u, right: deployCluster, handler: create },
  { method: 'POST', pattern: /^\/networks\/prune$/u, right: deployCluster, handler: prune },
  { method: 'DELETE', pattern: /^\/networks\/([^/]+)$/u, right: deployCluster, handler: remove },
];
