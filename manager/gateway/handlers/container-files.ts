import { deployVisible, readVisible } from '../../access/required-right.js';
import type { ApiResponse } from '../response.js';
import type { ApiRequest, GatewayContext, RouteHandler, Route } from '../context.js';
import { askEngine, passOn, toResponse } from '../engine/pass-request.js';
import type { PlacedContainer } from '../find-container.js';
import { findContainer } from '../find-container.js';
import { watchTags } from '../images/stale-copies.js';
import { andThen } from './image-transfers.js';

/** Asks the container's engine; `path` has `:container` for the container. */
async function askContainer(
  { workers }: GatewayContext,
  { task, node }: PlacedContainer,
  request: ApiRequest,
  path: string,
): Promise<ApiResponse> {
  const body = request.method === 'PUT' || request.method === 'POST' ? request.upload : undefined;
  const call = {
    ...passOn(request, path),
    taskId: task.id,
    ...(body === undefined ? {} : { body }),
  };
  return toResponse(await askEngine(workers, node.id, call, request.signal));
}

/** A request that the container's engine answers: changes, export, top. */
function fromEngine(name: string): RouteHandler {
  return (context, request, reference = '') => {
    const item = findContainer(context.store.view, reference);
    const text = request.query.toString();
    const query = text === '' ? '' : `?${text}`;
    return askContainer(context, item, request, `/containers/:container/${name}${query}`);
  };
}

/** Records files into a container; the route of files out of it `reveals`. */
const writeFiles: RouteHandler = async (context, request, reference = '') => {
  const { task } = findContainer(context.store.view, reference);
  const { project, service, slot } = task;
  const about = `project ${project}, service ${service}, index ${slot}`;
  await context.note(request.peer, 'copy', about);
  return fromEngine('archive')(context, request, reference);
};

/** Creates an image on the container's machine; others copy it when they run it. */
const commit: RouteHandler = async (context, request) => {
  const item = findContainer(context.store.view, request.query.get('container') ?? '');
  const [repo, tag] = [request.query.get('repo') ?? '', request.query.get('tag') ?? ''];
  await context.note(request.peer, 'commit', `container ${item.task.containerName} ${repo}:${tag}`);
  const replaceStale = await watchTags(context, item.node, request.peer);
  const query = new URLSearchParams(request.query);
  query.delete('container');
  const path = `/commit?container=:container&${query.toString()}`;
  return andThen(await askContainer(context, item, request, path), replaceStale);
};

export const containerFileRoutes: readonly Route[] = [
  {
    method: 'GET',
    pattern: /^\/containers\/(.+)\/archive$/u,
    right: deployVisible,
    reveals: true,
    handler: fromEngine('archive'),
  },
  {
    method: 'PUT',
    pattern: /^\/containers\/(.+)\/archive$/u,
    right: deployVisible,
    handler: writeFiles,
  },
  {
    method: 'GET',
    pattern: /^\/containers\/(.+)\/changes$/u,
    right: readVisible,
    handler: fromEngine('changes'),
  },
  {
    method: 'GET',
    pattern: /^\/containers\/(.+)\/export$/u,
    right: deployVisible,
    reveals: true,
    handler: fromEngine('export'),
  },
  {
    method: 'GET',
    pattern: /^\/containers\/(.+)\/top$/u,
    right: readVisible,
    handler: fromEngine('top'),
  },
  { method: 'POST', pattern: /^\/commit$/u, right: deployVisible, handler: commit },
];
