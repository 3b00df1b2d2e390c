import { AppError } from '../../common/base/errors.js';
import type { Handler, Route } from '../context.js';

/** Throws `unsupported`, which says what to use. */
function refuse(what: string, instead: string): Handler {
  return () => {
    throw new AppError('unsupported', `${what} is not served for a whole cluster: ${instead}`);
  };
}

const all = ['GET', 'POST', 'PUT', 'DELETE'] as const;

function every(pattern: RegExp, handler: Handler): readonly Route[] {
  return all.map((method) => ({ method, pattern, handler }));
}

const noPlugin: Handler = (_context, _request, name = '') => {
  throw new AppError('not-found', `plugin "${name}" not found`);
};

const engine = 'or use one machine\'s engine, see "shoal machine env"';

/** What the Engine API has and this has not, each with the command that does it. Asked last. */
export const refusedRoutes: readonly Route[] = [
  ...every(
    /^\/(?:swarm|services|tasks|nodes|secrets|configs)(?:\/|$)/u,
    refuse("swarm mode's API", 'use "shoal ps", "shoal node ls" and "shoal up"'),
  ),
  {
    method: 'POST',
    pattern: /^\/containers\/create$/u,
    handler: refuse('creating a container', `use "shoal run" or "shoal up", ${engine}`),
  },
  ...every(
    /^\/containers\/.+\/attach\/ws$/u,
    refuse('attaching by WebSocket', 'use "docker attach" or "shoal attach"'),
  ),
  ...every(/^\/containers\/.+\/archive$/u, refuse('copying files', 'use "shoal cp"')),
  ...every(/^\/containers\/.+\/export$/u, refuse('exporting a container', 'use "shoal export"')),
  ...every(/^\/containers\/prune$/u, refuse('pruning containers', 'use "shoal rm"')),
  ...every(
    /^\/containers\/.+\/(?:rename|update|changes)$/u,
    refuse('this', 'change the Compose file and use "shoal up"'),
  ),
  {
    method: 'DELETE',
    pattern: /^\/containers\/.+$/u,
    handler: refuse('removing a container', 'use "shoal rm", "shoal scale" or "shoal down"'),
  },
  ...every(/^\/commit$/u, refuse('making an image of a container', 'use "shoal commit"')),
  ...every(/^\/(?:build|session|grpc)(?:\/|$)/u, refuse('building', 'use "shoal build"')),
  ...every(/^\/images\/create$/u, refuse('pulling', 'use "shoal pull"')),
  ...every(/^\/images\/.+\/push$/u, refuse('pushing', 'use "shoal push"')),
  ...every(
    /^\/(?:images|distribution)\/.+$/u,
    refuse('this call for images', `use "shoal images", ${engine}`),
  ),
  ...every(/^\/networks\/.+$/u, refuse('changing networks', 'use "shoal network"')),
  ...every(/^\/volumes\/.+$/u, refuse('changing volumes', 'use "shoal volume"')),
  // Asked for by `docker inspect` about every name that is nothing else.
  { method: 'GET', pattern: /^\/plugins\/(.+)\/json$/u, handler: noPlugin },
  ...every(/^\/(?:exec|system|auth|plugins)(?:\/|$)/u, refuse('this call', engine.slice(3))),
];
