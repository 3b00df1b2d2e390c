import { adminCluster, readVisible } from '../../access/required-right.js';
import { AppError } from '../../common/base/errors.js';
import type { RouteHandler, Route } from '../context.js';

/** Handler that throws `unsupported` with the command to use instead. */
function refuse(operation: string, instead: string): RouteHandler {
  return () => {
    throw new AppError(
      'unsupported',
      `${operation}: not supported by the cluster's Docker API; ${instead}`,
    );
  };
}

const methods = ['GET', 'POST', 'PUT', 'DELETE'] as const;

function allMethods(pattern: RegExp, handler: RouteHandler): readonly Route[] {
  return methods.map((method) => ({ method, pattern, right: readVisible, handler }));
}

const noPlugin: RouteHandler = (_context, _request, name = '') => {
  throw new AppError('not-found', `plugin "${name}" not found`);
};

const engine = 'or use one machine\'s engine, see "shoal machine env"';

/** Unsupported parts of the Docker Engine API, each with its replacement command. Matched last. */
export const unsupportedRoutes: readonly Route[] = [
  {
    method: 'POST',
    pattern: /^\/swarm\/leave$/u,
    right: adminCluster,
    handler: refuse('leaving the cluster', 'use "shoal machine rm" to remove a machine'),
  },
  ...allMethods(
    /^\/containers\/.+\/attach\/ws$/u,
    refuse('attaching by WebSocket', 'use "docker attach" or "shoal attach"'),
  ),
  ...allMethods(
    /^\/volumes\/.+$/u,
    refuse('updating cluster volumes (CSI)', 'remove and create the volume'),
  ),
  // `docker inspect` also looks up unknown names as plugins.
  { method: 'GET', pattern: /^\/plugins\/(.+)\/json$/u, right: readVisible, handler: noPlugin },
  ...allMethods(
    /^\/(?:exec|system|plugins|images|build)(?:\/|$)/u,
    refuse('this call', engine.slice(3)),
  ),
];
