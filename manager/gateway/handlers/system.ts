import { array, fields } from '../../common/base/decode.js';
import { readCluster, readVisible } from '../../access/required-right.js';
import { arch, hostname, release } from 'node:os';
import type { ApiResponse } from '../response.js';
import { jsonResponse } from '../response.js';
import type { ApiRequest, GatewayContext, Route } from '../context.js';
import { askAll, readyNodes } from '../engine/fan-out.js';
import { passOn } from '../engine/pass-request.js';
import { listContainers } from '../find-container.js';
import { mergeDiskUsage, mergePlugins } from '../translate/disk-usage.js';
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
      record: store.view.get('cluster', 'cluster'),
      containers,
      images: images.length,
      now: clock.now(),
    }),
  );
}

/** Longest time to measure the disk usage of a node, ms. */
const diskUsageMs = 120_000;

async function diskUsage(context: GatewayContext, request: ApiRequest): Promise<ApiResponse> {
  const { signal } = request;
  const answers = await askAll(context, readyNodes(context), {
    ...{ call: passOn(request), decoder: fields, signal, timeoutMs: diskUsageMs },
  });
  const names = new Map(
    listContainers(context.store.view).map(
      ({ containerId, task }) => [containerId, `/${task.containerName}`] as const,
    ),
  );
  const usages = answers.map(({ node, value }) => ({ node: node.spec.name, value }));
  return jsonResponse(mergeDiskUsage(usages, names));
}

async function plugins(context: GatewayContext, request: ApiRequest): Promise<ApiResponse> {
  const call = passOn(request);
  const { signal } = request;
  const decoder = array(fields);
  const answers = await askAll(context, readyNodes(context), { call, decoder, signal });
  return jsonResponse(mergePlugins(answers.map(({ value }) => value)));
}

export const systemRoutes: readonly Route[] = [
  {
    method: 'GET',
    pattern: /^\/_ping$/u,
    right: readVisible,
    handler: () => ({ kind: 'text', text: 'OK' }),
  },
  {
    method: 'GET',
    pattern: /^\/version$/u,
    right: readVisible,
    handler: ({ cluster }) => jsonResponse(toVersion(cluster, localHost())),
  },
  { method: 'GET', pattern: /^\/info$/u, right: readVisible, handler: info },
  { method: 'GET', pattern: /^\/system\/df$/u, right: readCluster, handler: diskUsage },
  { method: 'GET', pattern: /^\/plugins$/u, right: readVisible, handler: plugins },
];
