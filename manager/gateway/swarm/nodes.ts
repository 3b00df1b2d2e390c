import { adminCluster, readVisible } from '../../access/required-right.js';
import { decode, dictionary, object, optionalOrNull, string } from '../../common/base/decode.js';
import { AppError } from '../../common/base/errors.js';
import type { Labels } from '../../common/model/meta.js';
import type { Node } from '../../common/model/node.js';
import type { Route, RouteHandler } from '../context.js';
import { parseQueryFilters } from '../filters.js';
import { flagParameter } from '../query.js';
import { jsonResponse } from '../response.js';
import { matchesNode, nodeFilters, toSwarmNode } from '../translate/swarm/node.js';
import { findSwarmNode } from './find.js';
import { versionParameter } from './version.js';

const list: RouteHandler = ({ store: { view }, cluster }, { query }) => {
  const filters = parseQueryFilters(query, nodeFilters);
  const nodes = view.list('nodes').filter((node) => matchesNode(node, filters));
  return jsonResponse(nodes.map((node) => toSwarmNode(node, cluster.nodeId)));
};

const inspect: RouteHandler = ({ store, cluster }, _request, reference = '') =>
  jsonResponse(toSwarmNode(findSwarmNode(store.view, reference), cluster.nodeId));

const nodeBody = object<{
  readonly Name?: string;
  readonly Labels?: Labels;
  readonly Role?: string;
  readonly Availability?: string;
}>({
  Name: optionalOrNull(string),
  Labels: optionalOrNull(dictionary(string)),
  Role: optionalOrNull(string),
  Availability: optionalOrNull(string),
});

/** Sets a node's labels and availability. */
const update: RouteHandler = async ({ store, control }, request, reference = '') => {
  const node = findSwarmNode(store.view, reference);
  const version = versionParameter(request.query, 'node');
  const body = decode(await request.body(), nodeBody, 'node');
  const { Labels: labels = {}, Role: role, Name: name = '' } = body;
  checkRole(node, role ?? node.spec.role);
  if (name !== '' && name !== node.spec.name) {
    throw new AppError('unsupported', `node ${node.spec.name}: cannot be renamed to ${name}`);
  }
  const { labels: before } = node.spec;
  await control(
    'node.update',
    {
      ...{ node: node.id, version, availability: availabilityOf(body.Availability) },
      labelAdd: labels,
      labelRemove: Object.keys(before).filter((key) => !Object.hasOwn(labels, key)),
    },
    request,
  );
  return { kind: 'empty', status: 200 };
};

function availabilityOf(text: string | undefined): Node['spec']['availability'] {
  const known = (['active', 'pause', 'drain'] as const).find((each) => each === text);
  if (known !== undefined) return known;
  throw new AppError('invalid', `invalid Availability: ${JSON.stringify(text ?? '')}`);
}

/** Throws `unsupported`: a change of the role provisions the machine over SSH. */
function checkRole({ spec }: Node, role: string): void {
  if (role === spec.role) return;
  if (role !== 'manager' && role !== 'worker') {
    throw new AppError('invalid', `invalid Role: ${JSON.stringify(role)}`);
  }
  const command = role === 'manager' ? 'promote' : 'demote';
  throw new AppError(
    'unsupported',
    `node ${spec.name}: a change of its role installs or removes a manager over SSH; run "shoal manager ${command} ${spec.name}"`,
  );
}

const remove: RouteHandler = async ({ store, control }, request, reference = '') => {
  const { id } = findSwarmNode(store.view, reference);
  const force = flagParameter(request.query, 'force');
  await control('node.remove', { node: id, force }, request);
  return { kind: 'empty', status: 200 };
};

export const swarmNodeRoutes: readonly Route[] = [
  { method: 'GET', pattern: /^\/nodes$/u, right: readVisible, handler: list },
  { method: 'GET', pattern: /^\/nodes\/([^/]+)$/u, right: readVisible, handler: inspect },
  {
    method: 'POST',
    pattern: /^\/nodes\/([^/]+)\/update$/u,
    right: adminCluster,
    handler: update,
  },
  { method: 'DELETE', pattern: /^\/nodes\/([^/]+)$/u, right: adminCluster, handler: remove },
];
