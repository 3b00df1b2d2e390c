import { pruneNodes } from '../engine/prune-nodes.js';
import { accessOf, requireBuildNetwork } from '../../access/client-access.js';
import { adminCluster, deployCluster, deployVisible } from '../../access/required-right.js';
import { AppError } from '../../common/base/errors.js';
import type { RouteHandler, Route } from '../context.js';
import { workNode, readyNodes } from '../engine/fan-out.js';
import { askEngine, passOn, toResponse, tunnelUpgrade } from '../engine/pass-request.js';
import { watchTags } from '../images/stale-copies.js';
import { andThen } from './image-transfers.js';

/*
 * All requests of a build go to one machine's engine, since a session and the build that uses it
 * are different connections. Other machines copy the image when they run it.
 */

const build: RouteHandler = async (context, request) => {
  // The engine would also read parameters from a form in the body.
  const isForm = /form/iu.test(request.headers['content-type'] ?? '');
  const networkMode = isForm ? 'of a form' : request.query.get('networkmode');
  requireBuildNetwork(accessOf(request.peer), networkMode);
  const node = workNode(context);
  const names = request.query.getAll('t').join(', ');
  await context.note(request.peer, 'image.build', names === '' ? 'no name' : `image ${names}`);
  const replaceStale = await watchTags(context, node, request.peer);
  const call = { ...passOn(request), body: request.upload };
  const reply = await askEngine(context.workers, node.id, call, request.signal);
  return andThen(toResponse(reply), replaceStale);
};

/** A connection of BuildKit: `grpc` carries builds, `session` what they need from the client. */
function buildKit(name: 'grpc' | 'session'): RouteHandler {
  return async (context, request) => {
    const { upgrade } = request.headers;
    if (upgrade === undefined) throw new AppError('invalid', `${name}: needs a connection upgrade`);
    const node = workNode(context);
    const { signal, peer } = request;
    const call = { ...passOn(request), upgrade };
    if (name === 'session') return tunnelUpgrade(context.workers, node.id, call, signal);
    await context.note(peer, 'image.build', `BuildKit on node ${node.spec.name}`);
    const replaceStale = await watchTags(context, node, peer);
    const answer = await tunnelUpgrade(context.workers, node.id, call, signal);
    return andThen(answer, replaceStale);
  };
}

const pruneCache: RouteHandler = async (context, request) => {
  await context.note(request.peer, 'build.prune', 'all nodes');
  return pruneNodes(context, request, { nodes: readyNodes(context), key: 'CachesDeleted' });
};

const cancel: RouteHandler = async (context, request) => {
  const { id } = workNode(context);
  return toResponse(await askEngine(context.workers, id, passOn(request), request.signal));
};

export const buildRoutes: readonly Route[] = [
  { method: 'POST', pattern: /^\/build$/u, right: deployVisible, handler: build },
  { method: 'POST', pattern: /^\/grpc$/u, right: adminCluster, handler: buildKit('grpc') },
  { method: 'POST', pattern: /^\/session$/u, right: adminCluster, handler: buildKit('session') },
  { method: 'POST', pattern: /^\/build\/prune$/u, right: deployCluster, handler: pruneCache },
  { method: 'POST', pattern: /^\/build\/cancel$/u, right: deployVisible, handler: cancel },
];
