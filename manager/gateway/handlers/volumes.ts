import { readVisible } from '../../access/required-right.js';
import type { Volume } from '../../common/model/network.js';
import type { StoreView } from '../../store/store.js';
import type { ApiResponse } from '../response.js';
import { jsonResponse } from '../response.js';
import type { ApiRequest, GatewayContext, RouteHandler, Route } from '../context.js';
import { parseQueryFilters } from '../filters.js';
import { lookupVolume } from '../find-resource.js';
import { toVolume, volumeFilters, matchesVolume } from '../translate/volume.js';

function nodesOf(view: StoreView, { nodeIds }: Volume): readonly string[] {
  return nodeIds.map((id) => view.get('nodes', id)?.spec.name ?? id);
}

/** Names of the volumes that any task mounts. */
function usedVolumes(view: StoreView): ReadonlySet<string> {
  return new Set(
    view
      .list('tasks')
      .flatMap(({ spec }) =>
        spec.container.mounts.flatMap((mount) =>
          mount.type === 'volume' && mount.source !== undefined ? [mount.source] : [],
        ),
      ),
  );
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

export const volumeRoutes: readonly Route[] = [
  { method: 'GET', pattern: /^\/volumes\/?$/u, right: readVisible, handler: list },
  { method: 'GET', pattern: /^\/volumes\/(.+)$/u, right: readVisible, handler: inspect },
];
