import type { NetworkId, NodeId } from '../../common/model/ids.js';
import { withStuckNode } from '../../common/model/network.js';
import type { StuckRemoval } from '../../common/model/network-view.js';
import type { Node, NodeDescription } from '../../common/model/node.js';
import type { EngineState } from '../../common/model/silent-engine.js';
import type { ClusterStore } from '../../store/store.js';
import type { BackgroundWrite } from '../background-write.js';
import type { Hello } from '../sessions/hello.js';
import {
  admitNode,
  claimVolumes,
  reuseIfUnchanged,
  silentStatus,
  updateNodeRoles,
} from '../sessions/hello.js';
import { cleanUpRemovedNode, findRemovedNodes } from './removed-nodes.js';

/** The dispatcher's writes to nodes and to what belongs to them. */
export class NodeRecords {
  readonly #store: ClusterStore;
  readonly #write: BackgroundWrite;

  constructor(store: ClusterStore, write: BackgroundWrite) {
    this.#store = store;
    this.#write = write;
  }

  /** Drops observations of nodes until they report again, and cleans up after removed nodes. */
  async resetAll(): Promise<void> {
    await this.#store.update('dispatcher', (tx) => {
      for (const node of tx.list('nodes')) {
        const status = { state: 'unknown', since: tx.now, message: 'manager has started' } as const;
        tx.put('nodes', { ...node, status });
      }
      for (const { leftOn = [], ...network } of tx.list('networks')) {
        if (leftOn.length > 0) tx.put('networks', network);
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
  setEngine(nodeId: NodeId, engine: EngineState): void {
    this.#write((tx) => {
      const node = tx.get('nodes', nodeId);
      if (node === undefined || node.status.state === 'down') return;
      const status =
        engine === 'silent' ? silentStatus(tx.now) : { state: 'ready' as const, message: '' };
      tx.put('nodes', { ...node, status: { since: tx.now, ...status } });
    });
  }

  /** Records why a connected node is refused; its tasks stay until it is down. */
  setProblem(nodeId: NodeId, message: string): void {
    this.#write((tx) => {
      const node = tx.get('nodes', nodeId);
      if (node === undefined) return;
      const isDown = node.status.state === 'down';
      const status = isDown
        ? { ...node.status, message }
        : ({ state: 'unknown', since: tx.now, message } as const);
      tx.put('nodes', { ...node, status });
    });
  }

  /** `engine`: present if the node's worker is connected. */
  markDown(nodeId: NodeId, message: string, engine?: 'silent'): void {
    this.#write((tx) => {
      const node = tx.get('nodes', nodeId);
      if (node === undefined) return;
      const since = node.status.state === 'down' ? node.status.since : tx.now;
      const status = { state: 'down', since, message } as const;
      tx.put('nodes', {
        ...node,
        status: engine === undefined ? status : { ...status, engine },
      });
    });
  }

  /**
   * Records the networks that the node's engine refuses to remove. `previous` is the last report of
   * the session; without one, all networks are compared.
   */
  setStuckNetworks(
    nodeId: NodeId,
    stuck: readonly StuckRemoval[],
    previous: readonly StuckRemoval[] | undefined,
  ): void {
    const before = problemsByNetwork(previous ?? []);
    const after = problemsByNetwork(stuck);
    const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
      (id) => before.get(id) !== after.get(id),
    );
    if (previous !== undefined && changed.length === 0) return;
    this.#write((tx) => {
      if (tx.get('nodes', nodeId) === undefined) return;
      const ids = previous === undefined ? tx.list('networks').map(({ id }) => id) : changed;
      for (const id of ids) {
        const network = tx.get('networks', id);
        if (network === undefined) continue;
        const next = withStuckNode(network, nodeId, after.get(id));
        if (next !== network) tx.put('networks', next);
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

function problemsByNetwork(stuck: readonly StuckRemoval[]): ReadonlyMap<NetworkId, string> {
  return new Map(stuck.map(({ networkId, problem }) => [networkId, problem]));
}
