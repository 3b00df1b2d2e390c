import type { Volume } from '../../common/model/network.js';
import type { StoreView } from '../../store/store.js';
import type { Answer } from '../answer.js';
import { json } from '../answer.js';
import type { ApiRequest, GatewayContext, Handler, Route } from '../context.js';
import { parseFilters } from '../filters.js';
import { findVolume } from '../find-resource.js';
import { toVolume, volumeFilters, volumeFits } from '../translate/volume.js';

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

function list({ store }: GatewayContext, { query }: ApiRequest): Answer {
  const { view } = store;
  const filters = parseFilters(query, volumeFilters);
  const used = usedVolumes(view);
  const found = view
    .list('volumes')
    .map((volume) => ({ volume, nodes: nodesOf(view, volume) }))
    .filter(({ volume, nodes }) =>
      volumeFits(volume, filters, { nodes, isUsed: used.has(volume.spec.name) }),
    );
  return json({
    Volumes: found.map(({ volume, nodes }) => toVolume(volume, nodes)),
    Warnings: null,
  });
}

const inspect: Handler = ({ store }, _request, name = '') => {
  const volume = findVolume(store.view, name);
  return json(toVolume(volume, nodesOf(store.view, volume)));
};

export const volumeRoutes: readonly Route[] = [
  { method: 'GET', pattern: /^\/volumes\/?$/u, handler: list },
  { method: 'GET', pattern: /^\/volumes\/(.+)$/u, handler: inspect },
];
