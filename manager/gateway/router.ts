import type { RequiredRight } from '../access/required-right.js';
import { AppError } from '../common/base/errors.js';
import type { RouteHandler, Route } from './context.js';
import { buildRoutes } from './handlers/builds.js';
import { containerFileRoutes } from './handlers/container-files.js';
import { containerRoutes } from './handlers/containers.js';
import { createRoutes } from './handlers/create.js';
import { pruneRoutes } from './handlers/prune.js';
import { removalRoutes } from './handlers/remove.js';
import { updateRoutes } from './handlers/update.js';
import { waitRoutes } from './handlers/wait.js';
import { eventRoutes } from './handlers/events.js';
import { execRoutes } from './handlers/exec.js';
import { imageTransferRoutes } from './handlers/image-transfers.js';
import { imageRoutes } from './handlers/images.js';
import { logRoutes } from './handlers/logs.js';
import { networkMemberRoutes } from './handlers/network-members.js';
import { networkRoutes } from './handlers/networks.js';
import { unsupportedRoutes } from './handlers/unsupported.js';
import { statsRoutes } from './handlers/stats.js';
import { lifecycleRoutes } from './handlers/lifecycle.js';
import { systemRoutes } from './handlers/system.js';
import { swarmRoutes } from './swarm/routes.js';
import { volumeRoutes } from './handlers/volumes.js';

/** Routes in order of precedence: the first match wins. */
export const routes: readonly Route[] = [
  ...systemRoutes,
  ...containerFileRoutes,
  ...createRoutes,
  ...pruneRoutes,
  ...containerRoutes,
  ...waitRoutes,
  ...updateRoutes,
  ...removalRoutes,
  ...statsRoutes,
  ...logRoutes,
  ...execRoutes,
  ...lifecycleRoutes,
  ...eventRoutes,
  ...networkMemberRoutes,
  ...networkRoutes,
  ...volumeRoutes,
  ...buildRoutes,
  ...imageTransferRoutes,
  ...imageRoutes,
  ...swarmRoutes,
  ...unsupportedRoutes,
];

export interface RouteMatch {
  readonly handler: RouteHandler;
  readonly right: RequiredRight;
  readonly reveals: boolean;
  readonly names: readonly string[];
}

/** Finds the handler of a request; `HEAD` is routed as `GET`. Throws `not-found`. */
export function findRoute(method: string, path: string): RouteMatch {
  const wanted = method === 'HEAD' ? 'GET' : method;
  for (const route of routes) {
    const matched = route.method === wanted ? route.pattern.exec(path) : null;
    if (matched === null) continue;
    const { handler, right, reveals = false } = route;
    return { handler, right, reveals: reveals && method !== 'HEAD', names: matched.slice(1) };
  }
  throw new AppError('not-found', 'page not found');
}
