import type { NetworkId, NodeId, TaskId } from '../common/model/ids.js';
import type { Endpoint } from '../common/model/network-view.js';
import type { Lease } from '../common/model/network.js';
import type { Node } from '../common/model/node.js';
import type { Task } from '../common/model/task.js';
import { isTerminal } from '../common/model/task-state.js';
import type { AssignmentChange, AssignmentSet } from '../common/protocol/assignments.js';
import type { Commit, StoreView } from '../store/store.js';
import { endpointOf } from './endpoint.js';
import type { AssignmentSource } from './node-assignments.js';
import { NodeAssignments } from './node-assignments.js';

/**
 * What every connected node must do and know, kept up to date from the store's commits. A task's change
 * costs its own node plus the nodes on its networks; nothing is computed anew for the whole cluster.
 * Levels, not edges: a commit only marks what to look at again, `take` looks at the store as it is then.
 */
export class AssignmentBook implements AssignmentSource {
  readonly view: StoreView;
  readonly #clusterId: string;
  readonly #nodes = new Map<NodeId, NodeAssignments>();
  readonly #gateways = new Map<string, string>();
  readonly #subscribers = new Map<NetworkId, Set<NodeAssignments>>();
  /** Tasks that were on a node when it went down. */
  readonly #lost = new Set<TaskId>();

  constructor(view: StoreView, clusterId: string) {
    this.view = view;
    this.#clusterId = clusterId;
    for (const lease of view.list('leases')) this.#noteLease(undefined, lease);
    for (const node of view.list('nodes')) this.#noteNode(undefined, node);
  }

  /** Begins with a node: its full set. */
  open(nodeId: NodeId): AssignmentSet {
    this.close(nodeId);
    const node = new NodeAssignments(nodeId, this);
    this.#nodes.set(nodeId, node);
    const change = node.take();
    return {
      clusterId: this.#clusterId,
      nodeId,
      sequence: change?.sequence ?? 0,
      tasks: change?.upsert.tasks ?? [],
      networks: change?.upsert.networks ?? [],
      endpoints: change?.upsert.endpoints ?? [],
      volumes: change?.upsert.volumes ?? [],
      files: change?.upsert.files ?? [],
    };
  }

  close(nodeId: NodeId): void {
    this.#nodes.get(nodeId)?.end();
    this.#nodes.delete(nodeId);
  }

  /** Nodes that may have something to hear. */
  dirtyNodes(): readonly NodeId[] {
    return [...this.#nodes.values()].filter((node) => node.dirty).map((node) => node.nodeId);
  }

  take(nodeId: NodeId): AssignmentChange | undefined {
    return this.#nodes.get(nodeId)?.take();
  }

  note(commit: Commit): void {
    for (const change of commit.changes) {
      if (change.table === 'tasks') this.#noteTask(change.before, change.after);
      else if (change.table === 'leases') this.#noteLease(change.before, change.after);
      else if (change.table === 'nodes') this.#noteNode(change.before, change.after);
      else if (change.table === 'networks') this.#noteNetwork(change.id as NetworkId);
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

  #noteTask(before: Task | undefined, after: Task | undefined): void {
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

  #noteLease(before: Lease | undefined, after: Lease | undefined): void {
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

  #noteNode(before: Node | undefined, after: Node | undefined): void {
    const node = after ?? before;
    if (node === undefined) return;
    const same =
      before?.status.state === after?.status.state &&
      before?.description.address === after?.description.address;
    if (same) return;
    const isDown = after?.status.state === 'down';
    for (const task of this.view.tasksOfNode(node.id)) {
      if (isDown && !isTerminal(task.status.state)) this.#lost.add(task.id);
      this.#markEndpoints(task);
    }
  }

  #noteNetwork(networkId: NetworkId): void {
    for (const node of this.#subscribers.get(networkId) ?? []) node.markNetwork(networkId);
    for (const task of this.view.tasksOfNetwork(networkId)) {
      if (task.nodeId !== undefined) this.#nodes.get(task.nodeId)?.markTask(task.id);
    }
  }
}

function addressOf(lease: Lease): string {
  return lease.id.slice(lease.id.lastIndexOf('/') + 1);
}
