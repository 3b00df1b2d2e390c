import { AppError } from '../../common/base/errors.js';
import type { Node } from '../../common/model/node.js';
import type { ApiResponse } from '../response.js';
import { jsonResponse } from '../response.js';
import type { ApiRequest, GatewayContext, RouteHandler, Route } from '../context.js';
import { parseQueryFilters } from '../filters.js';
import type { ClusterImage } from '../translate/image.js';
import { imageFilters, matchesImage, mergeImages } from '../translate/image.js';

/** Deadline for each node. Short, since clients list images as part of other commands. */
const nodeTimeoutMs = 3_000;

function readyNodes({ store }: GatewayContext): readonly Node[] {
  return store.view.list('nodes').filter(({ status }) => status.state === 'ready');
}

/** Images of all ready nodes that answer within the deadline. */
export async function clusterImages(
  context: GatewayContext,
  signal: AbortSignal,
): Promise<readonly ClusterImage[]> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(nodeTimeoutMs)]);
  const found = await Promise.all(
    readyNodes(context).map(async ({ id, spec }) => ({
      node: spec.name,
      images: await context.workers.call(id, 'listImages', {}, deadline).catch(() => []),
    })),
  );
  return mergeImages(found);
}

async function list(context: GatewayContext, { query, signal }: ApiRequest): Promise<ApiResponse> {
  const filters = parseQueryFilters(query, imageFilters);
  const images = await clusterImages(context, signal);
  return jsonResponse(images.filter((image) => matchesImage(image, filters)));
}

/** The record of the first node that answers with the image. */
const inspect: RouteHandler = async (context, { signal }, image = '') => {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(nodeTimeoutMs)]);
  const records = readyNodes(context).map(async ({ id }) => {
    const record = await context.workers.call(id, 'inspectImage', { image }, deadline);
    if (record === null) throw new AppError('not-found', image);
    return record;
  });
  try {
    return jsonResponse(await Promise.any(records));
  } catch {
    throw new AppError('not-found', `No such image: ${image}`);
  }
};

export const imageRoutes: readonly Route[] = [
  { method: 'GET', pattern: /^\/images\/json$/u, handler: list },
  { method: 'GET', pattern: /^\/images\/(.+)\/json$/u, handler: inspect },
];
