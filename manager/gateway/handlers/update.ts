import { deployCluster } from '../../access/required-right.js';
import { isFields } from '../../common/base/decode.js';
import type { ApiRequest, GatewayContext, JsonBody, Route, RouteHandler } from '../context.js';
import { decodeUpdateBody } from '../create/update-body.js';
import { restartOf } from '../create/to-service.js';
import { askJson, passOn } from '../engine/pass-request.js';
import type { PlacedContainer } from '../find-container.js';
import { findContainer } from '../find-container.js';
import { jsonResponse } from '../response.js';
import { requireContainerName } from './create.js';
import { requireNode } from './remove.js';

const engineMs = 15_000;

/** Renames a container in the cluster, then on its engine. */
const rename: RouteHandler = async (context, request, reference = '') => {
  const item = findContainer(context.store.view, reference);
  requireNode(item, 'rename');
  const name = requireContainerName(request.query.get('name') ?? '');
  const { id: taskId, containerName } = item.task;
  await context.control('container.rename', { taskId, name }, request);
  try {
    const action = `rename?name=${encodeURIComponent(name)}`;
    await ask(context, request, item, { action });
  } catch (error) {
    await context.control('container.rename', { taskId, name: containerName }, request);
    throw error;
  }
  return { kind: 'empty', status: 204 };
};

/** Changes limits and restart policy on the engine, then in the cluster. */
const update: RouteHandler = async (context, request, reference = '') => {
  const item = findContainer(context.store.view, reference);
  requireNode(item, 'update');
  const body = await request.body();
  const { resources, hasRestart, host } = decodeUpdateBody(body, item.task.spec.resources);
  const restart = hasRestart ? { restart: restartOf(host) } : {};
  const answer = await ask(context, request, item, { action: 'update', body });
  const taskId = item.task.id;
  await context.control('container.update', { taskId, resources, ...restart }, request);
  return jsonResponse(isFields(answer) ? answer : { Warnings: null });
};

async function ask(
  { workers }: GatewayContext,
  request: ApiRequest,
  { task, node }: PlacedContainer,
  { action, body }: { readonly action: string; readonly body?: JsonBody },
): Promise<unknown> {
  const call = {
    ...passOn(request, `/containers/:container/${action}`),
    ...{ taskId: task.id, headers: { 'content-type': ['application/json'] } },
    ...(body === undefined ? {} : { body: oneChunk(JSON.stringify(body)) }),
  };
  const deadline = AbortSignal.any([request.signal, AbortSignal.timeout(engineMs)]);
  return await askJson(workers, node.id, call, deadline);
}

async function* oneChunk(text: string): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Buffer.from(text));
}

export const updateRoutes: readonly Route[] = [
  {
    method: 'POST',
    pattern: /^\/containers\/(.+)\/rename$/u,
    right: deployCluster,
    handler: rename,
  },
  {
    method: 'POST',
    pattern: /^\/containers\/(.+)\/update$/u,
    right: deployCluster,
    handler: update,
  },
];
