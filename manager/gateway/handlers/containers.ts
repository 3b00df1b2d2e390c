import { readVisible } from '../../access/required-right.js';
import { isForbidden, isNotFound, isUnavailable } from '../../common/base/errors.js';
import { isTerminal } from '../../common/model/task-state.js';
import type { ApiResponse } from '../response.js';
import { jsonResponse } from '../response.js';
import type { ApiRequest, GatewayContext, RouteHandler, Route } from '../context.js';
import { findContainer, listContainers } from '../find-container.js';
import type { ContainerContext } from '../translate/container.js';
import { waitUntil } from '../../store/wait-until.js';
import { toContainer } from '../translate/container.js';
import { withNodeDetails, inspectFromStore } from '../translate/inspect.js';
import { selectContainers } from '../translate/list-filter.js';

const nodeTimeoutMs = 10_000;

function contextOf({ store, cluster, clock }: GatewayContext): ContainerContext {
  return { view: store.view, clusterId: cluster.id, now: clock.now() };
}

function list(context: GatewayContext, { query }: ApiRequest): ApiResponse {
  const { view } = context.store;
  const scope = { view, clusterId: context.cluster.id };
  const scene = contextOf(context);
  const selected = selectContainers(listContainers(view), query, scope);
  return jsonResponse(selected.map((item) => toContainer(item, scene)));
}

/** The engine's record if the node answers; else one built from the store. */
const inspect: RouteHandler = async (context, { signal }, reference = '') => {
  const item = findContainer(context.store.view, reference);
  const scene = contextOf(context);
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(nodeTimeoutMs)]);
  const { node, task } = item;
  if (node.status.state !== 'ready') return jsonResponse(inspectFromStore(item, scene));
  try {
    const record = await context.workers.call(node.id, 'inspect', { taskId: task.id }, deadline);
    return jsonResponse(withNodeDetails(record, item, scene));
  } catch (error) {
    // The container or its node disappeared after the lookup.
    const isGone = isNotFound(error) || isUnavailable(error);
    if (!isGone || isForbidden(error)) throw error;
    return jsonResponse(inspectFromStore(item, scene));
  }
};

/** Responds when the container has exited, at once if it already has. Headers are sent before. */
const wait: RouteHandler = ({ store }, { signal }, reference = '') => {
  const { task } = findContainer(store.view, reference);
  const hasEnded = (): boolean => {
    const now = store.view.get('tasks', task.id);
    return now === undefined || isTerminal(now.status.state);
  };
  return {
    kind: 'stream',
    contentType: 'application/json',
    pour: async (sink) => {
      await waitUntil(store, hasEnded, signal);
      const { status } = store.view.get('tasks', task.id) ?? task;
      await sink.send(`${JSON.stringify({ StatusCode: status.exitCode ?? 0 })}\n`);
    },
  };
};

export const containerRoutes: readonly Route[] = [
  { method: 'GET', pattern: /^\/containers\/(?:json|ps)$/u, right: readVisible, handler: list },
  { method: 'GET', pattern: /^\/containers\/(.+)\/json$/u, right: readVisible, handler: inspect },
  { method: 'POST', pattern: /^\/containers\/(.+)\/wait$/u, right: readVisible, handler: wait },
];
