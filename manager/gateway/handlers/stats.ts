import { readVisible } from '../../access/required-right.js';
import { jsonResponse } from '../response.js';
import type { ApiResponse, Sink } from '../response.js';
import type { ApiRequest, GatewayContext, RouteHandler, Route } from '../context.js';
import type { PlacedContainer } from '../find-container.js';
import { findContainer } from '../find-container.js';
import { askJson, passOn } from '../engine/pass-request.js';
import { flagParameter } from '../query.js';
import { toStats } from '../translate/stats.js';

/** Deadline of an engine for two samples a second apart, ms. */
const sampleMs = 10_000;

const stats: RouteHandler = (context, request, reference = '') => {
  const item = findContainer(context.store.view, reference);
  const streams = flagParameter(request.query, 'stream') || !request.query.has('stream');
  return streams
    ? {
        kind: 'stream',
        contentType: 'application/json',
        pour: (sink) => pour(context, item, sink),
      }
    : once(context, request, item);
};

/** Streams samples until the container is removed or the client disconnects. */
async function pour(context: GatewayContext, item: PlacedContainer, sink: Sink): Promise<void> {
  const { store, usage: uses } = context;
  for await (const use of uses.follow(item.task.id, sink.signal)) {
    const task = store.view.get('tasks', item.task.id);
    if (task === undefined) return;
    // Wait for the first sample of a running container.
    if (use === undefined && isRunning(task.status.state)) continue;
    await sink.send(`${JSON.stringify(toStats(item, use))}\n`);
  }
}

function isRunning(state: PlacedContainer['task']['status']['state']): boolean {
  return state === 'running';
}

/** One answer of the container's engine, with both samples unless the client wants one. */
async function once(
  { workers }: GatewayContext,
  request: ApiRequest,
  { task, node }: PlacedContainer,
): Promise<ApiResponse> {
  const path = `/containers/:container/stats?${request.query.toString()}`;
  const call = { ...passOn(request, path), taskId: task.id };
  const deadline = AbortSignal.any([request.signal, AbortSignal.timeout(sampleMs)]);
  const value = await askJson(workers, node.id, call, deadline);
  return jsonResponse({ ...Object(value), name: `/${task.containerName}` });
}

export const statsRoutes: readonly Route[] = [
  { method: 'GET', pattern: /^\/containers\/(.+)\/stats$/u, right: readVisible, handler: stats },
];
