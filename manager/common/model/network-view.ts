import type { NetworkId, NodeId, TaskId } from './ids.js';

/**
 * A node's view of its overlay networks: sent by the dispatcher, persisted by the worker, read by
 * the network rooms.
 */
export interface NetworkView {
  readonly networks: readonly NetworkOnNode[];
  readonly endpoints: readonly Endpoint[];
}

/** A network view with the names that DNS must not forward. */
export interface NameView extends NetworkView {
  /** Projects of the node's tasks that use networks. */
  readonly projects: readonly ProjectNames[];
}

/**
 * Services of a project, with or without tasks: DNS never forwards their names, not even with a
 * search domain appended.
 */
export interface ProjectNames {
  readonly project: string;
  readonly services: readonly {
    /** `<project>_<key>`. */
    readonly name: string;
    /** Aliases on all networks. */
    readonly aliases: readonly string[];
  }[];
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
  /**
   * This node's address in the network: the bridge, the containers' default gateway and DNS server.
   */
  readonly gateway: string;
  readonly internal: boolean;
  readonly labels: Readonly<Record<string, string>>;
}

/** A task's attachment to one network, on this or another node. */
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
  /** Running, and healthy if it has a health check: only then DNS returns the endpoint. */
  readonly up: boolean;
}

/** A network that the engine has refused to remove for a while. */
export interface StuckRemoval {
  readonly networkId: NetworkId;
  readonly problem: string;
}

/** DNS settings of one local container, keyed by its address. */
export interface ContainerDnsConfig {
  /**
   * Upstream servers from `dns:` for names outside the cluster; empty to use the host's resolvers.
   */
  readonly upstreams: readonly string[];
  /** Search domains from `dns_search:`; empty to use the host's. */
  readonly searchDomains: readonly string[];
}
