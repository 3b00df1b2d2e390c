import { deployCluster, deployVisible } from '../../access/required-right.js';
import { AppError, messageOf, toAppError } from '../../common/base/errors.js';
import type { Node } from '../../common/model/node.js';
import type { ApiRequest, GatewayContext, RouteHandler, Route } from '../context.js';
import { nodeTimeoutMs, readyNodes, workNode } from '../engine/fan-out.js';
import type { EngineCall, EngineReply } from '../engine/pass-request.js';
import { askEngine, passOn, successful, toResponse } from '../engine/pass-request.js';
import { findCopies, latestCopy } from '../images/copies.js';
import type { PulledImage } from '../images/pinned-pull.js';
import { pinPull, pullCall, tagCall } from '../images/pinned-pull.js';
import { noSuchImage, requireReference } from '../images/find-holder.js';
import { selectPullNodes } from '../images/pull-nodes.js';
import { fetchImage, watchTags } from '../images/stale-copies.js';
import type { ApiResponse, Sink } from '../response.js';
import { failureLine, jsonLine, linesOf, ProgressMerge } from '../translate/progress-lines.js';

const create: RouteHandler = (context, request) => {
  const { query } = request;
  if ((query.get('fromImage') ?? '') !== '') return pullImage(context, request);
  if ((query.get('fromSrc') ?? '') !== '') {
    return upload(context, request, { action: 'image.import', what: query.get('repo') ?? '' });
  }
  throw new AppError('invalid', 'fromImage or fromSrc: one of them is required');
};

/** `name:tag` or `name@digest`; the tag may be in either parameter. */
function pulledName(query: URLSearchParams): string {
  const [name, tag] = [query.get('fromImage') ?? '', query.get('tag') ?? ''];
  if (tag === '') return name;
  return tag.includes(':') ? `${name}@${tag}` : `${name}:${tag}`;
}

/** Pulls with the client's credentials on the nodes that need it and merges their progress. */
export async function pullImage(
  context: GatewayContext,
  request: ApiRequest,
): Promise<ApiResponse> {
  const { query, signal } = request;
  const image = pulledName(query);
  requireReference(image);
  const holders = (await findCopies(context, image, signal)).map(({ node }) => node);
  const nodes = selectPullNodes(readyNodes(context), holders, query.get('platform') ?? '');
  if (nodes.length === 0) workNode(context);
  await context.note(request.peer, 'image.pull', `image ${image}`);
  const pulled = await pinPull(context, request, image);
  const call = pullCall(request, pulled);
  const replies = await Promise.all(nodes.map((node) => replyOf(context, node, call, signal)));
  const finish = (): Promise<void> => recordPulls(context, request, pulled, replies);
  const [first] = replies;
  if (first !== undefined && replies.length === 1) {
    return andThen(toResponse(await replyOrThrow(first)), finish);
  }
  // Nothing is running if every node refuses: the client gets the status of the first.
  if (first !== undefined && replies.every(({ reply }) => reply === undefined)) {
    await replyOrThrow(first);
  }
  const pour = (sink: Sink): Promise<void> => pourMerged(replies, sink);
  return andThen({ kind: 'stream', contentType: 'application/json', pour }, finish);
}

/** Names and records the content that the nodes have pulled, if they agree on it. */
async function recordPulls(
  context: GatewayContext,
  request: ApiRequest,
  { image, digest }: PulledImage,
  replies: readonly NodeReply[],
): Promise<void> {
  const caller = { peer: request.peer, signal: AbortSignal.timeout(nodeTimeoutMs) };
  const pulled = replies.filter(({ reply }) => reply !== undefined);
  const nodes = pulled.map(({ node }) => node.id);
  if (digest !== undefined) {
    const call = tagCall(request, { image, digest });
    const tagged = pulled.map(({ node }) => replyOf(context, node, call, caller.signal));
    for (const { reply } of await Promise.all(tagged)) reply?.close();
  }
  const content = { image, ...(digest === undefined ? {} : { digest }) };
  await context.control('image.record', { ...content, nodes, event: 'pulled' }, caller);
}

interface NodeReply {
  readonly node: Node;
  readonly reply?: EngineReply;
  readonly error?: unknown;
}

async function replyOf(
  { workers }: GatewayContext,
  node: Node,
  call: EngineCall,
  signal: AbortSignal,
): Promise<NodeReply> {
  try {
    return { node, reply: await successful(await askEngine(workers, node.id, call, signal)) };
  } catch (error) {
    return { node, error };
  }
}

function replyOrThrow({ reply, error }: NodeReply): Promise<EngineReply> {
  return reply === undefined ? Promise.reject(toAppError(error)) : Promise.resolve(reply);
}

/** Merges the progress of all nodes; a node that fails ends its own part only. */
async function pourMerged(replies: readonly NodeReply[], sink: Sink): Promise<void> {
  const merge = new ProgressMerge();
  await Promise.all(
    replies.map(async (each) => {
      const { name } = each.node.spec;
      try {
        const { body } = await replyOrThrow(each);
        for await (const line of linesOf(body)) {
          const text = merge.merge(name, line);
          if (text !== undefined) await sink.send(text);
        }
      } catch (error) {
        if (sink.signal.aborted) throw error;
        await sink.send(jsonLine(failureLine(`node ${name}: ${messageOf(error)}`)));
      }
    }),
  );
}

/**
 * Sends the client's bytes to one node's engine: load, import. Copies of the same name on other
 * nodes are replaced before the answer ends.
 */
async function upload(
  context: GatewayContext,
  request: ApiRequest,
  { action, what }: { readonly action: string; readonly what: string },
): Promise<ApiResponse> {
  const { signal, peer } = request;
  const node = workNode(context);
  await context.note(peer, action, what === '' ? `node ${node.spec.name}` : `image ${what}`);
  const replaceStale = await watchTags(context, node, peer);
  const call = { ...passOn(request), body: request.upload };
  const answer = toResponse(await askEngine(context.workers, node.id, call, signal));
  return andThen(answer, replaceStale);
}

/** Runs a step after the body has been sent and before the answer ends, also if it is cut off. */
export function andThen(answer: ApiResponse, step: () => Promise<void>): ApiResponse {
  if (answer.kind === 'stream') {
    const pour = async (sink: Sink): Promise<void> => {
      await answer.pour(sink).finally(step);
    };
    return { ...answer, pour };
  }
  if (answer.kind !== 'hijack') return answer;
  return {
    ...answer,
    converse: async (terminal) => {
      await answer.converse(terminal).finally(step);
    },
  };
}

const load: RouteHandler = (context, request) =>
  upload(context, request, { action: 'image.load', what: '' });

/** Saves images from the node that has the latest copy of the first; it fetches missing others. */
const save: RouteHandler = async (context, request) => {
  const { signal } = request;
  const names = request.query.getAll('names').flatMap((each) => each.split(','));
  const [first, ...rest] = names;
  if (first === undefined) throw new AppError('invalid', 'names: at least one image is required');
  const { node } = await latestCopy(context, first, signal);
  for (const image of rest) {
    const copies = await findCopies(context, image, signal);
    if (copies.length === 0) throw noSuchImage(image);
    if (!copies.some((copy) => copy.node.id === node.id)) {
      await fetchImage(context, node, image, signal);
    }
  }
  return toResponse(await askEngine(context.workers, node.id, passOn(request), signal));
};

export const imageTransferRoutes: readonly Route[] = [
  { method: 'POST', pattern: /^\/images\/create$/u, right: deployVisible, handler: create },
  { method: 'POST', pattern: /^\/images\/load$/u, right: deployCluster, handler: load },
  {
    method: 'GET',
    pattern: /^\/images\/get$/u,
    right: deployCluster,
    reveals: true,
    handler: save,
  },
];
