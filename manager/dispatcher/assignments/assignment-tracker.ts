import type { NetworkId, NodeId, TaskId } from '../../common/model/ids.js';
import type { Endpoint, ProjectNames } from '../../common/model/network-view.js';
import type { Lease, Network } from '../../common/model/network.js';
import type { Node } from '../../common/model/node.js';
import type { Service } from '../../common/model/service.js';
import type { Task } from '../../common/model/task.js';
import { isTerminal } from '../../common/model/task-state.js';
import type { AssignmentChange, AssignmentSet } from '../../common/protocol/assignments.js';
import type { Commit, StoreView } from '../../store/store.js';
import { endpointOf } from './endpoint.js';
import type { AssignmentSource } from './node-assignments.js';
import { NodeAssignments } from './node-assignments.js';
import { haveSameNames, namesOfProject } from './project-names.js';

/**
 * Tracks the assignment set of every connected node, incrementally from the store's commits. A
 * changed task costs work for its own node and the nodes on its networks, never for the whole
 * cluster. Level-triggered: a commit only marks items as dirty; `take` reads the store as it is at
 * that moment.
 */
export class AssignmentTracker implements AssignmentSource {
  readonly view: StoreView;
  readonly #clusterId: string;
  readonly #nodes = new Map<NodeId, NodeAssignments>();
  readonly #dirty = new Set<NodeId>();
  readonly #gateways = new Map<string, string>();
  /** Nodes by network, and by project. */
  readonly #subscribers = new Map<NetworkId, Set<NodeAssignments>>();
  readonly #projectNodes = new Map<string, Set<NodeAssignments>>();
  /** Names of the projects that nodes have; one object for all nodes until a name changes. */
  readonly #names = new Map<string, ProjectNames>();
  /** Tasks that had not ended when their node went down. */
  readonly #lost = new Set<TaskId>();

  constructor(view: StoreView, clusterId: string) {
    this.view = view;
    this.#clusterId = clusterId;
    for (const lease of view.list('leases')) this.#applyLease(undefined, lease);
    for (const node of view.list('nodes')) this.#applyNode(undefined, node);
  }

  /** Starts tracking a node; returns its full set. */
  open(nodeId: NodeId): AssignmentSet {
    this.close(nodeId);
    const node = new NodeAssignments(nodeId, this);
    this.#nodes.set(nodeId, node);
    const change = this.take(nodeId);
    return {
      clusterId: this.#clusterId,
      nodeId,
      sequence: change?.sequence ?? 0,
      tasks: change?.upsert.tasks ?? [],
      networks: change?.upsert.networks ?? [],
      endpoints: change?.upsert.endpoints ?? [],
      projects: change?.upsert.projects ?? [],
      volumes: change?.upsert.volumes ?? [],
      files: change?.upsert.files ?? [],
    };
  }

  close(nodeId: NodeId): void {
    this.#nodes.get(nodeId)?.end();
    this.#nodes.delete(nodeId);
    this.#dirty.delete(nodeId);
  }

  /** Nodes whose set may have changed since the last `take`. */
  dirtyNodes(): readonly NodeId[] {
    return [...this.#dirty];
  }

  markDirty(nodeId: NodeId): void {
    this.#dirty.add(nodeId);
  }

  take(nodeId: NodeId): AssignmentChange | undefined {
    this.#dirty.delete(nodeId);
    return this.#nodes.get(nodeId)?.take();
  }

  applyCommit(commit: Commit): void {
    for (const change of commit.changes) {
      if (change.table === 'tasks') this.#applyTask(change.before, change.after);
      else if (change.table === 'leases') this.#applyLease(change.before, change.after);
      else if (change.table === 'nodes') this.#applyNode(change.before, change.after);
      else if (change.table === 'services') this.#applyService(change.before, change.after);
      else if (change.table === 'networks') this.#applyNetwork(change.before, change.after);
    }
  }

  gateway(nodeId: NodeId, networkId: NetworkId): string | undefined {
    return this.#gateways.get(`${nodeId}/${networkId}`);
  }

  endpoint(task: Task, networkId: NetworkId): Endpoint | undefined {
    const node = task.nodeId === undefined ? undefined : this.view.get('nodes', task.nodeId);
    return endpointOf(task, node, networkId, this.#lost.has(task.id));
  }

  subscribe(networkId: NetworkId, node: NodeAssignments): void {
    const nodes = this.#subscribers.get(networkId) ?? new Set();
    nodes.add(node);
    this.#subscribers.set(networkId, nodes);
  }

  unsubscribe(networkId: NetworkId, node: NodeAssignments): void {
    const nodes = this.#subscribers.get(networkId);
    nodes?.delete(node);
    if (nodes?.size === 0) this.#subscribers.delete(networkId);
  }

  projectNames(project: string): ProjectNames {
    let names = this.#names.get(project);
    if (names === undefined) {
      names = namesOfProject(project, this.view.servicesOfProject(project));
      this.#names.set(project, names);
    }
    return names;
  }

  subscribeProject(project: string, node: NodeAssignments): void {
    const nodes = this.#projectNodes.get(project) ?? new Set();
    nodes.add(node);
    this.#projectNodes.set(project, nodes);
  }

  unsubscribeProject(project: string, node: NodeAssignments): void {
    const nodes = this.#projectNodes.get(project);
    nodes?.delete(node);
    if (nodes?.size !== 0) return;
    this.#projectNodes.delete(project);
    this.#names.delete(project);
  }

  #applyService(before: Service | undefined, after: Service | undefined): void {
    const service = after ?? before;
    if (service === undefined || haveSameNames(before, after)) return;
    const { project } = service.spec;
    this.#names.delete(project);
    for (const node of this.#projectNodes.get(project) ?? []) node.markProject(project);
  }

  #applyTask(before: Task | undefined, after: Task | undefined): void {
    const task = after ?? before;
    if (task === undefined) return;
    if (after === undefined || isTerminal(after.status.state)) this.#lost.delete(task.id);
    if (task.nodeId !== undefined) this.#nodes.get(task.nodeId)?.markTask(task.id);
    this.#markEndpoints(task);
    if (before !== undefined && before.attachments !== task.attachments)
      this.#markEndpoints(before);
  }

  #markEndpoints(task: Task): void {
    for (const { networkId } of task.attachments) {
      for (const node of this.#subscribers.get(networkId) ?? []) {
        node.markEndpoint(task.id, networkId);
      }
    }
  }

  #applyLease(before: Lease | undefined, after: Lease | undefined): void {
    for (const lease of [before, after]) {
      if (lease?.holder.kind !== 'gateway') continue;
      const { nodeId, networkId } = lease.holder;
      const key = `${nodeId}/${networkId}`;
      if (lease === after) this.#gateways.set(key, addressOf(lease));
      else this.#gateways.delete(key);
      const node = this.#nodes.get(nodeId);
      node?.markNetwork(networkId);
      for (const task of node === undefined ? [] : this.view.tasksOfNode(nodeId)) {
        if (task.attachments.some((item) => item.networkId === networkId)) node?.markTask(task.id);
      }
    }
  }

  #applyNode(before: Node | undefined, after: Node | undefined): void {
    const node = after ?? before;
    if (node === undefined) return;
    const isUnchanged =
      before?.status.state === after?.status.state &&
      before?.description.address === after?.description.address;
    if (isUnchanged) return;
    const isDown = after?.status.state === 'down';
    for (const task of this.view.tasksOfNode(node.id)) {
      if (isDown && !isTerminal(task.status.state)) this.#lost.add(task.id);
      this.#markEndpoints(task);
    }
  }

  #applyNetwork(before: Network | undefined, after: Network | undefined): void {
    const network = after ?? before;
    if (network === undefined || isSameOnNodes(before, after)) return;
    const { id: networkId } = network;
    for (const node of this.#subscribers.get(networkId) ?? []) node.markNetwork(networkId);
    for (const task of this.view.tasksOfNetwork(networkId)) {
      if (task.nodeId !== undefined) this.#nodes.get(task.nodeId)?.markTask(task.id);
    }
  }
}

/** True if a change of a network concerns no node: what nodes know of it is unchanged. */
function isSameOnNodes(before: Network | undefined, after: Network | undefined): boolean {
  if (before === undefined || after === undefined) return false;
  return before.vni === after.vni && before.subnet === after.subnet && before.spec === after.spec;
}

function addressOf(lease: Lease): string {
  return lease.id.slice(lease.id.lastIndexOf('/') + 1);
}
