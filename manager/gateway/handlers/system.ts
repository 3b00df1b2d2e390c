import { arch, hostname, release } from 'node:os';
import type { ApiResponse } from '../response.js';
import { jsonResponse } from '../response.js';
import type { ApiRequest, GatewayContext, Route } from '../context.js';
import { listContainers } from '../find-container.js';
import type { Host } from '../translate/system.js';
import { clusterImages } from './images.js';
import { toInfo, toVersion } from '../translate/system.js';

/** Go's architecture names where they differ from those of Node.js. */
const archNames: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

function localHost(): Host {
  const name = arch();
  return {
    arch: archNames[name] ?? name,
    kernel: release(),
    runtime: `node ${process.version}`,
    hostname: hostname(),
  };
}

async function info(context: GatewayContext, { signal }: ApiRequest): Promise<ApiResponse> {
  const { store, cluster, clock } = context;
  const images = await clusterImages(context, signal);
  const containers = listContainers(store.view);
  return jsonResponse(
    toInfo({
      cluster,
      host: localHost(),
      nodes: store.view.list('nodes'),
      containers,
      images: images.length,
      now: clock.now(),
    }),
  );
}

export const systemRoutes: readonly Route[] = [
  { method: 'GET', pattern: /^\/_ping$/u, handler: () => ({ kind: 'text', text: 'OK' }) },
  {
    method: 'GET',
    pattern: /^\/version$/u,
    handler: ({ cluster }) => jsonResponse(toVersion(cluster, localHost())),
  },
  { method: 'GET', pattern: /^\/info$/u, handler: info },
];
