import type { NetworkId, NodeId } from '../common/model/ids.js';
import type { Network } from '../common/model/network.js';
import type { Node, NodeDescription } from '../common/model/node.js';
import type { ClusterStore } from '../store/store.js';
import type { BackgroundWrite } from './background-write.js';
import type { Hello } from './hello.js';
import {
  admitNode,
  claimVolumes,
  reuseIfUnchanged,
  silentStatus,
  updateNodeRoles,
} from './hello.js';
import { cleanUpRemovedNode, findRemovedNodes } from './removed-nodes.js';

/** The dispatcher's writes to nodes and to what belongs to them. */
export class NodeRecords {
  readonly #store: ClusterStore;
  readonly #write: BackgroundWrite;

  constructor(store: ClusterStore, write: BackgroundWrite) {
    this.#store = store;
    this.#write = write;
  }

  /** Sets every node to `unknown` until it reports, and cleans up after removed ones. */
  async resetAll(): Promise<void> {
    await this.#store.update('dispatcher', (tx) => {
      for (const node of tx.list('nodes')) {
        const status = { state: 'unknown', since: tx.now, message: 'manager has started' } as const;
        tx.put('nodes', { ...node, status });
      }
      for (const nodeId of findRemovedNodes(tx)) cleanUpRemovedNode(tx, nodeId);
    });
  }

  /** See `admitNode`. */
  admit(hello: Hello, role: Node['spec']['role']): Promise<{ readonly hasUnknownTasks: boolean }> {
    return this.#store.update('dispatcher', (tx) => admitNode(tx, hello, role));
  }

  describe(nodeId: NodeId, reported: NodeDescription): void {
    this.#write((tx) => {
      const node = tx.get('nodes', nodeId);
      if (node === undefined) return;
      const description = reuseIfUnchanged(node.description, reported);
      if (description !== node.description) tx.put('nodes', { ...node, description });
    });
  }

  /** Sets a connected node to `ready` while its engine answers, else to `unknown`. */
  setEngine(nodeId: NodeId, engine: 'answering' | 'silent'): void {
    this.#write((tx) => {
      const node = tx.get('nodes', nodeId);
      if (node === undefined || node.status.state === 'down') return;
      const status =
        engine === 'silent' ? silentStatus(tx.now) : { state: 'ready' as const, message: '' };
      tx.put('nodes', { ...node, status: { since: tx.now, ...status } });
    });
  }

  /** `engine`: present if the node's worker is connected. */
  markDown(nodeId: NodeId, message: string, engine?: 'silent'): void {
    this.#write((tx) => {
      const node = tx.get('nodes', nodeId);
      if (node === undefined) return;
      const status = { state: 'down', since: tx.now, message } as const;
      tx.put('nodes', {
        ...node,
        status: engine === undefined ? status : { ...status, engine },
      });
    });
  }

  /** Records the networks that the node's engine refuses to remove. */
  setStuckNetworks(
    nodeId: NodeId,
    stuck: readonly { readonly networkId: NetworkId; readonly problem: string }[],
  ): void {
    const problems = new Map(stuck.map(({ networkId, problem }) => [networkId, problem]));
    const isCurrent = ({ id, leftOn = [] }: Network): boolean =>
      leftOn.find((left) => left.nodeId === nodeId)?.problem === problems.get(id);
    if (this.#store.view.list('networks').every(isCurrent)) return;
    this.#write((tx) => {
      for (const network of tx.list('networks')) {
        if (isCurrent(network)) continue;
        const { leftOn = [], ...rest } = network;
        const problem = problems.get(network.id);
        const others = leftOn.filter((left) => left.nodeId !== nodeId);
        const next = [...others, ...(problem === undefined ? [] : [{ nodeId, problem }])];
        tx.put('networks', next.length === 0 ? rest : { ...rest, leftOn: next });
      }
    });
  }

  cleanUpRemoved(nodeId: NodeId): void {
    this.#write((tx) => {
      cleanUpRemovedNode(tx, nodeId);
    });
  }

  /** Binds a new volume record to nodes that already hold data under its name. */
  claimVolume(name: string, holders: readonly NodeId[]): void {
    if (holders.length === 0) return;
    this.#write((tx) => {
      for (const nodeId of holders) claimVolumes(tx, nodeId, [name]);
    });
  }

  updateRoles(managerNodes: readonly string[]): void {
    this.#write((tx) => {
      updateNodeRoles(tx, managerNodes);
    });
  }
}
