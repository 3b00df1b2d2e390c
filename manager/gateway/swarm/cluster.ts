import { adminCluster, readCluster } from '../../access/required-right.js';
import { isFields } from '../../common/base/decode.js';
import { hashOf } from '../../common/base/canonical.js';
import { AppError } from '../../common/base/errors.js';
import type { SwarmCluster } from '../translate/swarm/cluster.js';
import type { GatewayContext, Route, RouteHandler } from '../context.js';
import { flagParameter } from '../query.js';
import { jsonResponse } from '../response.js';
import { toSwarmCluster } from '../translate/swarm/cluster.js';

function clusterOf({ store, cluster }: GatewayContext): SwarmCluster {
  return toSwarmCluster({ cluster, record: store.view.get('cluster', 'cluster') });
}

/**
 * The cluster. Shoal keeps only hashes of join tokens, and `docker swarm join` cannot join it, so
 * the place of each token has the command to use.
 */
const inspect: RouteHandler = (context) =>
  jsonResponse({
    ...clusterOf(context),
    JoinTokens: {
      Worker: '(use "shoal token create" and "shoal join")',
      Manager: '(use "shoal machine create" and "shoal manager promote")',
    },
  });

const init: RouteHandler = () => {
  throw new AppError(
    'unavailable',
    'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and join another one.',
  );
};

const unlock: RouteHandler = () => {
  throw new AppError('conflict', 'swarm is not locked');
};

const rotations = [
  ['rotateWorkerToken', 'shoal token rotate'],
  ['rotateManagerToken', 'shoal manager promote'],
  ['rotateManagerUnlockKey', 'shoal ca protect'],
] as const;

/** Accepts a spec without changes; refuses each change by its name. */
const update: RouteHandler = async (context, request) => {
  for (const [flag, command] of rotations) {
    if (!flagParameter(request.query, flag)) continue;
    throw new AppError('unsupported', `${flag}: not supported by the cluster; use "${command}"`);
  }
  const { Spec: spec } = clusterOf(context);
  const wanted = await request.body();
  const changed = Object.entries(wanted).find(([key, value]) => !isSame(value, spec[key]));
  if (changed !== undefined) {
    const instead =
      changed[0] === 'CAConfig' ? 'use "shoal ca set" and "shoal ca rotate"' : 'it keeps its value';
    throw new AppError(
      'unsupported',
      `${changed[0]}: cannot be changed in the cluster; ${instead}`,
    );
  }
  return { kind: 'empty', status: 200 };
};

/** Whether a field of the wanted spec has its value; absent and zero fields keep it. */
function isSame(wanted: unknown, now: unknown): boolean {
  if (wanted === undefined || wanted === null || wanted === 0 || wanted === '') return true;
  if (!isFields(wanted) || !isFields(now))
    return hashOf({ value: wanted }) === hashOf({ value: now ?? null });
  return Object.entries(wanted).every(([key, value]) => isSame(value, now[key]));
}

export const swarmClusterRoutes: readonly Route[] = [
  { method: 'GET', pattern: /^\/swarm$/u, right: readCluster, handler: inspect },
  { method: 'POST', pattern: /^\/swarm\/(?:init|join)$/u, right: adminCluster, handler: init },
  { method: 'POST', pattern: /^\/swarm\/update$/u, right: adminCluster, handler: update },
  {
    method: 'GET',
    pattern: /^\/swarm\/unlockkey$/u,
    right: adminCluster,
    handler: () => jsonResponse({ UnlockKey: '' }),
  },
  { method: 'POST', pattern: /^\/swarm\/unlock$/u, right: adminCluster, handler: unlock },
];
