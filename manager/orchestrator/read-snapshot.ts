import type { NetworkId, NodeId, ServiceId } from '../common/model/ids.js';
import type { Network } from '../common/model/network.js';
import type { Node } from '../common/model/node.js';
import { stopsFor } from '../common/model/dependents.js';
import { podLinksOf } from '../common/model/pod.js';
import type { Service } from '../common/model/service.js';
import { addUsage } from '../common/model/trust/project-quota.js';
import { currentTask, isAvailable, isNodeLost, isWanted, tasksBySlot } from '../store/slots.js';
import type { Task } from '../common/model/task.js';
import { isAssigned } from '../common/model/task-state.js';
import { missingReference } from '../store/references.js';
import type { StoreView } from '../store/store.js';
import type { DependencyState } from './start-gate.js';
import { evaluateStartGate } from './start-gate.js';
import type { PodLeader, ServiceSnapshot } from './service-snapshot.js';

/** Reads the snapshot of one service from the store; undefined if the service does not exist. */
export function readServiceSnapshot(
  view: StoreView,
  id: ServiceId,
  context: Pick<ServiceSnapshot, 'nodes' | 'now'>,
): ServiceSnapshot | undefined {
  const service = view.get('services', id);
  if (service === undefined) return undefined;
  const find = (key: string): DependencyState | undefined => siblingOf(view, service, key);
  return {
    service,
    tasks: view.tasksOfService(id),
    ...context,
    gate: evaluateStartGate(service, find),
    leaders: leadersOf(service, find, context.nodes),
    hasFollowers: hasFollowers(view, service),
    awaitsDependents: awaitsDependents(view, service, context.nodes),
    ...rollbackBlocker(view, service),
    ...quotaOf(view, service, context.nodes),
  };
}

/** Lost nodes are left out: their tasks are replaced before their end is known. */
function quotaOf(
  view: StoreView,
  { spec: { project } }: Service,
  nodes: ServiceSnapshot['nodes'],
): Pick<ServiceSnapshot, 'quota'> {
  const limits = view.get('projects', project)?.quota;
  if (limits === undefined) return {};
  const { total, byNode } = view.usageOfProject(project);
  let used = total;
  for (const [nodeId, usage] of byNode) {
    if (nodeId !== undefined && isNodeLost(nodes.get(nodeId))) used = addUsage(used, usage, -1);
  }
  return { quota: { limits, used } };
}

function rollbackBlocker(
  view: StoreView,
  { previousSpec }: Service,
): Pick<ServiceSnapshot, 'rollbackBlocker'> {
  if (previousSpec === undefined) return {};
  const missing = missingReference(view, previousSpec);
  return missing === undefined
    ? {}
    : { rollbackBlocker: `${missing.kind} ${missing.name} no longer exists` };
}

/** Nodes by id, by the list of the store: each change of a node makes a new list. */
const nodeMaps = new WeakMap<readonly Node[], ReadonlyMap<NodeId, Node>>();

export function nodesById(view: StoreView): ReadonlyMap<NodeId, Node> {
  const nodes = view.list('nodes');
  let byId = nodeMaps.get(nodes);
  if (byId === undefined)
    nodeMaps.set(nodes, (byId = new Map(nodes.map((node) => [node.id, node]))));
  return byId;
}

function siblingOf(view: StoreView, service: Service, key: string): DependencyState | undefined {
  const sibling = view
    .servicesOfProject(service.spec.project)
    .find((each) => each.spec.service === key);
  if (sibling === undefined) return undefined;
  return { service: sibling, tasks: view.tasksOfService(sibling.id) };
}

function leadersOf(
  service: Service,
  find: (key: string) => DependencyState | undefined,
  nodes: ServiceSnapshot['nodes'],
): readonly PodLeader[] {
  return podLinksOf(service.spec.task.container).map((tie) => {
    const bySlot = new Map<number, Task>();
    for (const [slot, tasks] of tasksBySlot(find(tie.service)?.tasks ?? [])) {
      const leader = servingTask(tasks, nodes);
      if (leader !== undefined) bySlot.set(slot, leader);
    }
    return { tie, bySlot };
  });
}

/**
 * The task of a leader's slot that followers share with: the current one, or the one it takes over
 * from as long as that runs and the current one is not available.
 */
function servingTask(tasks: readonly Task[], nodes: ServiceSnapshot['nodes']): Task | undefined {
  const current = currentTask(tasks);
  if (current === undefined || isAvailable(current)) return current;
  const former = tasks.find(
    (task) =>
      task !== current &&
      isWanted(task) &&
      task.status.state === 'running' &&
      !isNodeLost(task.nodeId === undefined ? undefined : nodes.get(task.nodeId)),
  );
  return former ?? current;
}

function hasFollowers(view: StoreView, { id, spec: { project, service } }: Service): boolean {
  return view
    .dependentsOfService(project, service)
    .some(
      (other) =>
        other.id !== id &&
        podLinksOf(other.spec.task.container).some((link) => link.service === service),
    );
}

function awaitsDependents(
  view: StoreView,
  { id, spec: { project, service } }: Service,
  nodes: ServiceSnapshot['nodes'],
): boolean {
  const mustEnd = ({ nodeId, desired, status }: Task): boolean =>
    desired !== 'ready' &&
    isAssigned(status.state) &&
    nodeId !== undefined &&
    !isNodeLost(nodes.get(nodeId));
  return view
    .servicesOfProject(project)
    .filter((other) => !other.dependenciesMet && other.id !== id)
    .filter((other) => stopsFor(other.spec).includes(service))
    .some((other) => view.tasksOfService(other.id).some(mustEnd));
}

/** Networks marked for removal that no service, task or gateway of a live node uses. */
export function unusedNetworks(view: StoreView): readonly NetworkId[] {
  const removing = view.removingNetworks();
  if (removing.length === 0) return [];
  const used = new Set(
    view
      .list('services')
      .flatMap((service) => service.spec.task.networks.map((attachment) => attachment.network)),
  );
  return removing
    .filter((network) => !used.has(network.spec.name) && isUnused(view, network))
    .map((network) => network.id);
}

function isUnused(view: StoreView, network: Network): boolean {
  if (view.tasksOfNetwork(network.id).length > 0) return false;
  return view
    .leasesOfNetwork(network.id)
    .every(
      ({ holder }) => holder.kind !== 'gateway' || isNodeLost(view.get('nodes', holder.nodeId)),
    );
}
