import { AppError } from '../../common/base/errors.js';
import { hashOf } from '../../common/base/canonical.js';
import type { NodeId } from '../../common/model/ids.js';
import type { Node, NodeDescription } from '../../common/model/node.js';
import { isTerminal } from '../../common/model/task-state.js';
import type { WorkerMessage } from '../../common/protocol/messages.js';
import type { Peer } from '../../transport/peer.js';
import type { Transaction } from '../../store/store.js';
import { fencedLeases, unusedGatewayLeases } from '../unused-leases.js';
import { writeReport } from '../report-batch.js';

/** Valid node names: host names (used by local workers) and machine names. */
const namePattern = /^[0-9A-Za-z][0-9A-Za-z_.-]{0,252}$/u;

export type Hello = Extract<WorkerMessage, { kind: 'hello' }>;

/**
 * Checks a hello against the cluster and the peer's certificate. Throws `forbidden` or `invalid`.
 */
export function checkHello(hello: Hello, peer: Peer, clusterId: string): void {
  if (hello.clusterId !== clusterId) {
    throw new AppError(
      'forbidden',
      `worker ${hello.name} belongs to cluster ${hello.clusterId}, this is ${clusterId}`,
    );
  }
  if (!namePattern.test(hello.name)) {
    throw new AppError(
      'invalid',
      `worker ${peer.nodeId}: invalid node name; use at most 253 of 0-9 a-z A-Z _ . -`,
    );
  }
  if (hello.nodeId !== peer.nodeId) {
    throw new AppError(
      'forbidden',
      `worker ${hello.name} says it is node ${hello.nodeId}, its certificate says ${peer.nodeId}`,
    );
  }
}

/**
 * Admits a node that joins or returns: writes its record and task reports and releases leases it no
 * longer needs, in one transaction. Fenced leases stay while the node has containers of unknown
 * tasks, which it removes first. Throws `forbidden` or `conflict`.
 */
export function admitNode(
  tx: Transaction,
  hello: Hello,
  role: Node['spec']['role'],
): { readonly hasUnknownTasks: boolean } {
  const nodeId = hello.nodeId as NodeId;
  assertNotRemoved(tx, hello);
  assertNotWiped(tx, hello);
  writeNode(tx, hello, role);
  for (const { taskId, status } of hello.reports) writeReport(tx, taskId, { nodeId, status });
  for (const id of unusedGatewayLeases(tx, nodeId, hello.networks)) tx.remove('leases', id);
  claimVolumes(tx, nodeId, hello.volumes);
  const hasUnknownTasks = hello.reports.some(({ taskId }) => tx.get('tasks', taskId) === undefined);
  if (!hasUnknownTasks) for (const id of fencedLeases(tx, nodeId)) tx.remove('leases', id);
  return { hasUnknownTasks };
}

/**
 * Refuses a node that was removed between connecting, when its certificate was still valid, and its
 * hello: a new record would be of a node that can never reconnect. Throws `forbidden`.
 */
function assertNotRemoved(tx: Transaction, { nodeId, name }: Hello): void {
  if (tx.get('cluster', 'cluster')?.revoked.includes(nodeId) !== true) return;
  throw new AppError('forbidden', `node ${name} (${nodeId}) was removed from the cluster`);
}

/**
 * Protects running containers from a lost store: an empty store would make the node remove all of
 * them. Throws `conflict` if the store is empty and a new node reports live tasks; the node keeps
 * them running.
 */
function assertNotWiped(tx: Transaction, { nodeId, name, reports }: Hello): void {
  const isEmpty = tx.count('services') === 0 && tx.count('tasks') === 0;
  if (!isEmpty || tx.get('nodes', nodeId as NodeId) !== undefined) return;
  const liveCount = reports.filter(({ status }) => !isTerminal(status.state)).length;
  if (liveCount === 0) return;
  throw new AppError(
    'conflict',
    `the store is empty, but node ${name} runs ${liveCount} tasks; restore a backup with "shoal store import", or bring up a project to start over, which removes them`,
  );
}

/**
 * Binds volumes without a node to this one, which has them: the store was lost or they were created
 * by hand. Volumes bound to another node stay there, except external ones, which may be on many
 * nodes.
 */
export function claimVolumes(tx: Transaction, nodeId: NodeId, names: readonly string[]): void {
  for (const name of names) {
    const volume = tx.volumeByName(name);
    if (volume === undefined || volume.removing || volume.nodeIds.includes(nodeId)) continue;
    if (volume.nodeIds.length > 0 && !volume.spec.external) continue;
    tx.put('volumes', { ...volume, nodeIds: [...volume.nodeIds, nodeId].sort() });
  }
}

function writeNode(tx: Transaction, hello: Hello, role: Node['spec']['role']): void {
  const id = hello.nodeId as NodeId;
  const status =
    hello.engine === 'silent'
      ? silentStatus(tx.now)
      : ({ state: 'ready', since: tx.now, message: '' } as const);
  const namesake = tx.nodeByName(hello.name);
  if (namesake !== undefined && namesake.id !== id) {
    throw new AppError(
      'conflict',
      `node name ${hello.name} is taken by node ${namesake.id}; remove that node or rename this machine`,
    );
  }
  const known = tx.get('nodes', id);
  if (known === undefined) {
    const spec = { name: hello.name, availability: 'active', labels: {}, role } as const;
    tx.create('nodes', { id, spec, description: hello.description, status });
    return;
  }
  const renamed = known.spec.name !== hello.name || known.spec.role !== role;
  tx.put('nodes', {
    ...known,
    spec: renamed ? { ...known.spec, name: hello.name, role } : known.spec,
    description: reuseIfUnchanged(known.description, hello.description),
    status: keepsStatus(known, hello) ? known.status : status,
  });
}

/** Status of a connected node whose engine does not answer. */
export function silentStatus(now: number): Node['status'] {
  return {
    state: 'unknown',
    since: now,
    message: 'Docker engine does not answer',
    engine: 'silent',
  };
}

/**
 * A node that is down stays down until its engine answers: its tasks were replaced. The status of an
 * engine that is still silent keeps its time.
 */
function keepsStatus({ status }: Node, { engine }: Hello): boolean {
  if (engine !== 'silent') return status.state === 'ready';
  return status.state === 'down' || status.engine === 'silent';
}

/** Sets each node's role: `manager` if its machine also runs a manager, else `worker`. */
export function updateNodeRoles(tx: Transaction, managerNodes: readonly string[]): void {
  for (const node of tx.list('nodes')) {
    const role = managerNodes.includes(node.id) ? 'manager' : 'worker';
    if (node.spec.role !== role) tx.put('nodes', { ...node, spec: { ...node.spec, role } });
  }
}

/**
 * Returns the known object if both are equal, so that unchanged descriptions are not written to
 * disk.
 */
export function reuseIfUnchanged(
  known: NodeDescription,
  reported: NodeDescription,
): NodeDescription {
  return hashOf(known) === hashOf(reported) ? known : reported;
}
