import { deployCluster, readVisible } from '../../access/required-right.js';
import { hashOf } from '../../common/base/canonical.js';
import { fields } from '../../common/base/decode.js';
import { AppError } from '../../common/base/errors.js';
import type { Volume } from '../../common/model/network.js';
import type { Node } from '../../common/model/node.js';
import type { StoreView } from '../../store/store.js';
import type { ApiResponse } from '../response.js';
import { jsonResponse } from '../response.js';
import type { ApiRequest, GatewayContext, RouteHandler, Route } from '../context.js';
import { anonymousVolumeLabel, decodeVolumeBody } from '../create/volume-body.js';
import { askAll } from '../engine/fan-out.js';
import { flagFilter, parseQueryFilters, passesLabels } from '../filters.js';
import { listContainers } from '../find-container.js';
import { lookupVolume } from '../find-resource.js';
import { flagParameter } from '../query.js';
import { volumeSizes } from '../translate/disk-usage.js';
import {
  labelsOfVolume,
  matchesVolume,
  toVolume,
  volumeFilters,
  volumesOf,
} from '../translate/volume.js';
import { removeUnused } from '../remove-unused.js';
import { waitForState } from '../wait-for-state.js';

function nodesOf(view: StoreView, { nodeIds }: Volume): readonly string[] {
  return nodeIds.map((id) => view.get('nodes', id)?.spec.name ?? id);
}

/** Names of the volumes that any task mounts. */
function usedVolumes(view: StoreView): Set<string> {
  return new Set(view.list('tasks').flatMap(({ spec }) => volumesOf(spec)));
}

function list({ store }: GatewayContext, { query }: ApiRequest): ApiResponse {
  const { view } = store;
  const filters = parseQueryFilters(query, volumeFilters);
  const used = usedVolumes(view);
  const found = view
    .list('volumes')
    .map((volume) => ({ volume, nodes: nodesOf(view, volume) }))
    .filter(({ volume, nodes }) =>
      matchesVolume(volume, filters, { nodes, isUsed: used.has(volume.spec.name) }),
    );
  return jsonResponse({
    Volumes: found.map(({ volume, nodes }) => toVolume(volume, nodes)),
    Warnings: null,
  });
}

const inspect: RouteHandler = ({ store }, _request, name = '') => {
  const volume = lookupVolume(store.view, name);
  return jsonResponse(toVolume(volume, nodesOf(store.view, volume)));
};

/** Deadline of all nodes to remove a volume. */
const removalMs = 30_000;
/** Deadline of the nodes to measure volumes: their engines walk all files. */
const sizesMs = 60_000;

/** Creates a volume in the cluster; a node creates it for the first container that mounts it. */
const create: RouteHandler = async (context, request) => {
  const { store, control, newId } = context;
  const spec = decodeVolumeBody(await request.body(), () => hashOf(newId()));
  const { name, driver } = spec;
  const found = (): Volume | undefined => store.view.volumeByName(name);
  if (found()?.removing === true) await untilRemoved(context, request, name);
  const known = found();
  if (known !== undefined && known.spec.driver !== driver) {
    throw new AppError(
      'conflict',
      `create ${name}: driver '${known.spec.driver}' already has volume '${name}': volume name must be unique`,
    );
  }
  await control('volume.create', spec, request);
  return jsonResponse(toVolume(lookupVolume(store.view, name), []), 201);
};

/** Removes a volume from every node that has it. */
const remove: RouteHandler = async (context, request, name = '') => {
  const { view } = context.store;
  const force = flagParameter(request.query, 'force');
  if (!force || view.volumeByName(name) !== undefined) {
    const volume = lookupVolume(view, name);
    const users = listContainers(view).filter(({ task }) => volumesOf(task.spec).includes(name));
    if (users.length > 0) {
      const ids = users.map(({ containerId }) => containerId).join(', ');
      throw new AppError('conflict', `remove ${name}: volume is in use - [${ids}]`);
    }
    requireNodes(view, volume);
    await context.control('volume.remove', { name, force }, request);
    await untilRemoved(context, request, name);
  }
  return { kind: 'empty', status: 204 };
};

/** The node that keeps a volume from being removed: it is away. */
function awayNode(view: StoreView, { nodeIds }: Volume): Node | undefined {
  return nodeIds
    .flatMap((id) => view.get('nodes', id) ?? [])
    .find(({ status }) => status.state !== 'ready');
}

/** Throws `unavailable` if a node with the volume's data does not answer. */
function requireNodes(view: StoreView, volume: Volume): void {
  const away = awayNode(view, volume);
  if (away === undefined) return;
  throw new AppError(
    'unavailable',
    `cannot remove volume ${volume.spec.name}: node ${away.spec.name} is ${away.status.state}`,
  );
}

async function untilRemoved(
  context: GatewayContext,
  request: ApiRequest,
  name: string,
): Promise<void> {
  const isDone = (): boolean => context.store.view.volumeByName(name)?.removing !== true;
  const what = `volume ${name} to be removed from all nodes`;
  await waitForState(context, request, { isDone, waitMs: removalMs, what });
}

/**
 * Removes unused volumes: since API 1.42 only those without a name of their own, unless the filter
 * `all` is set.
 */
const prune: RouteHandler = async (context, request) => {
  const { view } = context.store;
  const filters = parseQueryFilters(request.query, ['all', 'label', 'label!']);
  const all = flagFilter(filters, 'all') ?? request.apiMinor < anonymousOnlyApi;
  const used = usedVolumes(view);
  for (const { spec } of view.list('services')) {
    for (const name of volumesOf(spec.task)) used.add(name);
  }
  const unused = view
    .list('volumes')
    .filter((volume) => !volume.removing && !used.has(volume.spec.name))
    .filter((volume) => awayNode(view, volume) === undefined)
    .filter((volume) => all || Object.hasOwn(volume.spec.labels, anonymousVolumeLabel))
    .filter((volume) => passesLabels(filters, labelsOfVolume(volume)));
  const sizes = await measure(context, request, unused);
  const names = await removeUnused(
    unused.map(({ spec }) => spec.name),
    (name) => context.control('volume.remove', { name, force: true }, request),
  );
  await Promise.all(names.map((name) => untilRemoved(context, request, name)));
  return jsonResponse({
    VolumesDeleted: names.length === 0 ? null : names,
    SpaceReclaimed: names.reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0),
  });
};

/** API version since which a prune without the filter `all` leaves named volumes. */
const anonymousOnlyApi = 42;

/** Sizes in bytes by name, on all nodes; of the nodes that answer. */
async function measure(
  context: GatewayContext,
  { apiMinor, signal }: ApiRequest,
  volumes: readonly Volume[],
): Promise<ReadonlyMap<string, number>> {
  const ids = [...new Set(volumes.flatMap(({ nodeIds }) => nodeIds))];
  const nodes = ids.flatMap((id) => context.store.view.get('nodes', id) ?? []);
  if (nodes.length === 0) return new Map();
  const call = { method: 'GET', path: '/system/df?type=volume', apiMinor } as const;
  const request = { call, decoder: fields, signal, timeoutMs: sizesMs };
  const answers = await askAll(context, nodes, request).catch(() => []);
  return volumeSizes(answers.map(({ value }) => value));
}

export const volumeRoutes: readonly Route[] = [
  { method: 'GET', pattern: /^\/volumes\/?$/u, right: readVisible, handler: list },
  { method: 'GET', pattern: /^\/volumes\/(.+)$/u, right: readVisible, handler: inspect },
  { method: 'POST', pattern: /^\/volumes\/create$/u, right: deployCluster, handler: create },
  { method: 'POST', pattern: /^\/volumes\/prune$/u, right: deployCluster, handler: prune },
  { method: 'DELETE', pattern: /^\/volumes\/(.+)$/u, right: deployCluster, handler: remove },
];
