import { AppError } from '../common/base/errors.js';
import { hashOf } from '../common/base/canonical.js';
import type { NodeId } from '../common/model/ids.js';
import type { Node, NodeDescription } from '../common/model/node.js';
import { isTerminal } from '../common/model/task-state.js';
import type { WorkerMessage } from '../common/protocol/messages.js';
import type { Peer } from '../transport/peer.js';
import type { Transaction } from '../store/store.js';
import { fencedLeases, freeGateways } from './freed-leases.js';
import { writeReport } from './report-batch.js';

/** Host names, which a local worker has as its name, and what machines may be called. */
const namePattern = /^[0-9A-Za-z][0-9A-Za-z_.-]{0,252}$/u;

export type Hello = Extract<WorkerMessage, { kind: 'hello' }>;

/** Throws `forbidden` when a worker says it is somebody else than its certificate does. */
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
      `worker ${peer.nodeId} has no good name: allowed are 0-9 a-z A-Z _ . - (253 at most)`,
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
 * A node has come (back), all in one transaction: its record, what it reports of its tasks, and the leases
 * that its coming frees. A node that still has containers of tasks that are gone will remove them first;
 * until then what is fenced stays so. Returns whether it has any.
 */
export function admitNode(
  tx: Transaction,
  hello: Hello,
  role: Node['spec']['role'],
): { readonly hasStrangers: boolean } {
  const nodeId = hello.nodeId as NodeId;
  assertNotRemoved(tx, hello);
  assertNotWiped(tx, hello);
  writeNode(tx, hello, role);
  for (const { taskId, status } of hello.reports) writeReport(tx, taskId, { nodeId, status });
  for (const id of freeGateways(tx, nodeId, hello.networks)) tx.remove('leases', id);
  claimVolumes(tx, nodeId, hello.volumes);
  const hasStrangers = hello.reports.some(({ taskId }) => tx.get('tasks', taskId) === undefined);
  if (!hasStrangers) for (const id of fencedLeases(tx, nodeId)) tx.remove('leases', id);
  return { hasStrangers };
}

/**
 * A node may be removed between the opening of its connection, when its certificate was still good, and its
 * first word: it would be a node again that can never come back. Throws `forbidden`.
 */
function assertNotRemoved(tx: Transaction, { nodeId, name }: Hello): void {
  if (tx.get('cluster', 'cluster')?.revoked.includes(nodeId) !== true) return;
  throw new AppError('forbidden', `node ${name} (${nodeId}) was removed from the cluster`);
}

/**
 * A store that holds nothing knows no task, and a node that is told so removes every container. When such
 * a node says that it runs some, the store has been lost: throws `conflict`, and the node goes on as it is.
 */
function assertNotWiped(tx: Transaction, { nodeId, name, reports }: Hello): void {
  const isEmpty = tx.count('services') === 0 && tx.count('tasks') === 0;
  if (!isEmpty || tx.get('nodes', nodeId as NodeId) !== undefined) return;
  const live = reports.filter(({ status }) => !isTerminal(status.state)).length;
  if (live === 0) return;
  throw new AppError(
    'conflict',
    `the store is empty, but node ${name} runs ${live} tasks: restore a backup with "shoal store import", or bring up a project to begin anew, which removes them`,
  );
}

/**
 * Notes that a node has volumes that no node is known to have: a store was lost, or somebody made them by
 * hand. Volumes that are at home elsewhere stay there. External ones may be on many nodes.
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
  const status = { state: 'ready', since: tx.now, message: '' } as const;
  const namesake = tx.nodeByName(hello.name);
  if (namesake !== undefined && namesake.id !== id) {
    throw new AppError(
      'conflict',
      `node name ${hello.name} is taken by node ${namesake.id}: remove that one or rename this machine`,
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
    description: newer(known.description, hello.description),
    status: known.status.state === 'ready' ? known.status : status,
  });
}

/** A node's role says whether its machine also runs a manager. */
export function writeRoles(tx: Transaction, managerNodes: readonly string[]): void {
  for (const node of tx.list('nodes')) {
    const role = managerNodes.includes(node.id) ? 'manager' : 'worker';
    if (node.spec.role !== role) tx.put('nodes', { ...node, spec: { ...node.spec, role } });
  }
}

/** The old object when nothing changed: a node's description is written to disk only when it is new. */
export function newer(known: NodeDescription, told: NodeDescription): NodeDescription {
  return hashOf(known) === hashOf(told) ? known : told;
}
