import { pruneNodes } from '../engine/prune-nodes.js';
import {
  deployCluster,
  deployVisible,
  readCluster,
  readVisible,
} from '../../access/required-right.js';
import { AppError } from '../../common/base/errors.js';
import { anything, array, fields } from '../../common/base/decode.js';
import type { ApiResponse } from '../response.js';
import { jsonResponse } from '../response.js';
import type { ApiRequest, GatewayContext, RouteHandler, Route } from '../context.js';
import type { NodeAnswer } from '../engine/fan-out.js';
import { askAll, nodeTimeoutMs, readyNodes, workNode } from '../engine/fan-out.js';
import { askEngine, passOn, toResponse } from '../engine/pass-request.js';
import { findCopies, latestCopy } from '../images/copies.js';
import { noSuchImage, requireReference } from '../images/find-holder.js';
import type { ClusterImage } from '../translate/image.js';
import { mergeImages, nodeFilter } from '../translate/image.js';
import { workerResults } from '../../common/protocol/worker-results.js';

const removeMs = 60_000;

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

/** Each node filters its own images; the `node` filter selects the nodes. */
async function list(context: GatewayContext, request: ApiRequest): Promise<ApiResponse> {
  const { isWanted, query } = nodeFilter(request.query);
  const nodes = readyNodes(context).filter(({ spec }) => isWanted(spec.name));
  if (nodes.length === 0) return jsonResponse([]);
  const isFatal = ({ kind }: AppError): boolean => kind === 'invalid';
  const call = passOn({ ...request, query });
  const { signal } = request;
  const decoder = workerResults.listImages;
  const answers = await askAll(context, nodes, { call, decoder, signal, isFatal });
  const found = answers.map(({ node, value }) => ({ node: node.spec.name, images: value }));
  return jsonResponse(mergeImages(found));
}

/** The answer of the node with the latest copy: inspect, history, save, push. */
const fromCopy: RouteHandler = async (context, request, image = '') => {
  const { node } = await latestCopy(context, image, request.signal);
  return toResponse(await askEngine(context.workers, node.id, passOn(request), request.signal));
};

const push: RouteHandler = async (context, request, image = '') => {
  const tag = request.query.get('tag') ?? '';
  const { node } = await latestCopy(
    context,
    tag === '' ? image : `${image}:${tag}`,
    request.signal,
  );
  await context.note(request.peer, 'image.push', `image ${image}`);
  const body = request.method === 'POST' ? request.upload : undefined;
  const call = { ...passOn(request), ...(body === undefined ? {} : { body }) };
  return toResponse(await askEngine(context.workers, node.id, call, request.signal));
};

/** Tags every copy of the same image, so that the new name means one image in the cluster. */
const tag: RouteHandler = async (context, request, image = '') => {
  requireReference(request.query.get('repo') ?? '');
  const copies = await findCopies(context, image, request.signal);
  const [latest] = copies;
  if (latest === undefined) throw noSuchImage(image);
  await context.note(request.peer, 'image.tag', `image ${image}`);
  const nodes = copies.filter(({ id }) => id === latest.id).map(({ node }) => node);
  const { signal } = request;
  const call = passOn(request);
  await askAll(context, nodes, { call, decoder: anything, signal, isFatal: () => true });
  const { query } = request;
  const [repo, tagName] = [query.get('repo') ?? '', query.get('tag') ?? ''];
  const name = tagName === '' ? repo : `${repo}:${tagName}`;
  const record = { image: name, nodes: [latest.node.id], event: 'made' } as const;
  await context.control('image.record', record, request);
  return { kind: 'empty', status: 201 };
};

/** Removes the image, or the name, from every node that has it. */
const remove: RouteHandler = async (context, request, image = '') => {
  const copies = await findCopies(context, image, request.signal);
  if (copies.length === 0) throw noSuchImage(image);
  await context.note(request.peer, 'image.remove', `image ${image}`);
  const answers = await askAll(
    context,
    copies.map(({ node }) => node),
    {
      call: passOn(request),
      decoder: array(fields),
      signal: request.signal,
      timeoutMs: removeMs,
      // Another client may have removed it meanwhile.
      isFatal: ({ kind }) => kind !== 'not-found',
    },
  );
  await context.control('image.record', { image, event: 'removed' }, request);
  return jsonResponse(distinct(answers));
};

function distinct(answers: readonly NodeAnswer<readonly unknown[]>[]): readonly unknown[] {
  const all = answers.flatMap(({ value }) => value);
  return [...new Map(all.map((each) => [JSON.stringify(each), each])).values()];
}

async function prune(context: GatewayContext, request: ApiRequest): Promise<ApiResponse> {
  const { isWanted, query } = nodeFilter(request.query);
  const nodes = readyNodes(context).filter(({ spec }) => isWanted(spec.name));
  await context.note(request.peer, 'image.prune', 'all nodes');
  return pruneNodes(context, { ...request, query }, { nodes, key: 'ImagesDeleted' });
}

/** The answer of one node's engine: registries are the same for all. */
const fromAnyNode: RouteHandler = async (context, request) => {
  const body = request.method === 'POST' ? request.upload : undefined;
  const call = { ...passOn(request), ...(body === undefined ? {} : { body }) };
  const { id } = workNode(context);
  return toResponse(await askEngine(context.workers, id, call, request.signal));
};

export const imageRoutes: readonly Route[] = [
  { method: 'GET', pattern: /^\/images\/json$/u, right: readCluster, handler: list },
  { method: 'GET', pattern: /^\/images\/search$/u, right: readVisible, handler: fromAnyNode },
  {
    method: 'GET',
    pattern: /^\/distribution\/(.+)\/json$/u,
    right: readVisible,
    handler: fromAnyNode,
  },
  { method: 'POST', pattern: /^\/auth$/u, right: deployVisible, handler: fromAnyNode },
  {
    method: 'GET',
    pattern: /^\/images\/(.+)\/(?:json|history)$/u,
    right: readCluster,
    handler: fromCopy,
  },
  {
    method: 'GET',
    pattern: /^\/images\/(.+)\/get$/u,
    right: deployCluster,
    reveals: true,
    handler: fromCopy,
  },
  { method: 'POST', pattern: /^\/images\/prune$/u, right: deployCluster, handler: prune },
  { method: 'POST', pattern: /^\/images\/(.+)\/push$/u, right: deployVisible, handler: push },
  { method: 'POST', pattern: /^\/images\/(.+)\/tag$/u, right: deployCluster, handler: tag },
  { method: 'DELETE', pattern: /^\/images\/(.+)$/u, right: deployCluster, handler: remove },
];
