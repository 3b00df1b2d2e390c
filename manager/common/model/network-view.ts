import type { NetworkId, NodeId, TaskId } from './ids.js';

/**
 * What one node must know of the overlay networks it takes part in: sent by the dispatcher, kept on the
 * worker's disk, read by the network rooms.
 */
export interface NetworkView {
  readonly networks: readonly NetworkOnNode[];
  readonly endpoints: readonly Endpoint[];
}

export interface NetworkOnNode {
  readonly id: NetworkId;
  readonly name: string;
  readonly project: string;
  /** Compose key, for docker compose's label. */
  readonly key: string;
  readonly vni: number;
  /** CIDR of the whole overlay. */
  readonly subnet: string;
  /** This node's own address in it: the bridge's, the containers' way out and their DNS server. */
  readonly gateway: string;
  readonly internal: boolean;
  readonly labels: Readonly<Record<string, string>>;
}

/** One task's end on one network, on this or another node. */
export interface Endpoint {
  /** `<taskId>/<networkId>`. */
  readonly id: string;
  readonly networkId: NetworkId;
  readonly taskId: TaskId;
  readonly nodeId: NodeId;
  /** Underlay address of its node. */
  readonly vtep: string;
  readonly address: string;
  readonly mac: string;
  readonly project: string;
  readonly service: string;
  readonly slot: number;
  /** Container name and aliases. */
  readonly aliases: readonly string[];
  /** Running, and healthy where it has a check: only then its names answer with it. */
  readonly up: boolean;
}
