import { readVisible } from '../../access/required-right.js';
import { isFields } from '../../common/base/decode.js';
import { Semaphore } from '../../common/base/semaphore.js';
import { isInvalid, isNotFound, isUnavailable, messageOf } from '../../common/base/errors.js';
import type { ApiResponse } from '../response.js';
import { jsonResponse } from '../response.js';
import type { ApiRequest, GatewayContext, RouteHandler, Route } from '../context.js';
import { askJson } from '../engine/pass-request.js';
import type { PlacedContainer } from '../find-container.js';
import { findContainer, listContainers } from '../find-container.js';
import { flagParameter } from '../query.js';
import type { ContainerContext } from '../translate/container.js';
import { toContainer } from '../translate/container.js';
import { withNodeDetails, inspectFromStore } from '../translate/inspect.js';
import { selectContainers } from '../translate/list-filter.js';

const nodeTimeoutMs = 10_000;

function contextOf({ store, cluster, clock }: GatewayContext): ContainerContext {
  return { view: store.view, clusterId: cluster.id, now: clock.now() };
}

/** Deadline for all sizes of a list: an engine walks the files of each container. */
const sizesMs = 60_000;
const sizesAtOnce = 16;

/** Bytes of a container: those that it has written, and with its image. */
interface ContainerSize {
  readonly SizeRw: number;
  readonly SizeRootFs: number;
}

/** Sizes by container id, from the containers' engines; those that do not answer are left out. */
export async function sizesOf(
  { workers }: GatewayContext,
  items: readonly PlacedContainer[],
  { apiMinor, signal }: ApiRequest,
): Promise<ReadonlyMap<string, ContainerSize>> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(sizesMs)]);
  const limit = new Semaphore(sizesAtOnce);
  const path = '/containers/:container/json?size=1';
  const found = await Promise.all(
    items.map(async ({ containerId, node, task }) => {
      const call = { method: 'GET', path, apiMinor, taskId: task.id } as const;
      const ask = (): Promise<unknown> => askJson(workers, node.id, call, deadline);
      const record = await limit.run(ask, deadline).catch(() => undefined);
      if (!isFields(record)) return [];
      const [SizeRw, SizeRootFs] = [Number(record.SizeRw ?? 0), Number(record.SizeRootFs ?? 0)];
      return [[containerId, { SizeRw, SizeRootFs }] as const];
    }),
  );
  return new Map(found.flat());
}

async function list(context: GatewayContext, request: ApiRequest): Promise<ApiResponse> {
  const { query } = request;
  const { view } = context.store;
  const scope = { view, clusterId: context.cluster.id };
  const scene = contextOf(context);
  const selected = selectContainers(listContainers(view), query, scope);
  const sizes = flagParameter(query, 'size')
    ? await sizesOf(context, selected, request)
    : undefined;
  return jsonResponse(
    selected.map((item) => ({ ...toContainer(item, scene), ...sizes?.get(item.containerId) })),
  );
}

/** The engine's record if the node answers; else one built from the store. */
const inspect: RouteHandler = async (context, request, reference = '') => {
  const { signal, apiMinor } = request;
  const item = findContainer(context.store.view, reference);
  const scene = contextOf(context);
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(nodeTimeoutMs)]);
  const { node, task } = item;
  if (node.status.state !== 'ready') return jsonResponse(inspectFromStore(item, scene));
  try {
    const path = '/containers/:container/json?size=1';
    const sized = { method: 'GET', path, apiMinor, taskId: task.id } as const;
    const record = flagParameter(request.query, 'size')
      ? await askJson(context.workers, node.id, sized, deadline)
      : await context.workers.call(node.id, 'inspect', { taskId: task.id }, deadline);
    return jsonResponse(withNodeDetails(record, item, scene));
  } catch (error) {
    // The container or its node disappeared after the lookup, or the node's record is malformed.
    if (isInvalid(error)) context.log.warn(messageOf(error));
    else if (!isNotFound(error) && !isUnavailable(error)) throw error;
    return jsonResponse(inspectFromStore(item, scene));
  }
};

export const containerRoutes: readonly Route[] = [
  { method: 'GET', pattern: /^\/containers\/(?:json|ps)$/u, right: readVisible, handler: list },
  { method: 'GET', pattern: /^\/containers\/(.+)\/json$/u, right: readVisible, handler: inspect },
];
