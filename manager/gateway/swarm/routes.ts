import type { Route } from '../context.js';
import { swarmClusterRoutes } from './cluster.js';
import { swarmLogRoutes } from './logs.js';
import { swarmNodeRoutes } from './nodes.js';
import { swarmServiceRoutes } from './services.js';
import { swarmTaskRoutes } from './tasks.js';
import { secretAndConfigRoutes } from './secrets-configs.js';

/** Routes of the swarm mode API. */
export const swarmRoutes: readonly Route[] = [
  ...swarmClusterRoutes,
  ...swarmNodeRoutes,
  ...swarmLogRoutes,
  ...swarmServiceRoutes,
  ...swarmTaskRoutes,
  ...secretAndConfigRoutes,
];
