import type { LeaseId, NetworkId, NodeId, TaskId, VolumeId } from './ids.js';
import type { JsonObject, Labels, Meta } from './meta.js';

/** An overlay network over all nodes that run one of its tasks. */
export interface Network extends Meta {
  readonly id: NetworkId;
  readonly spec: NetworkSpec;
  /** VXLAN network identifier, 4096 and up; 0 until the allocator has chosen. */
  readonly vni: number;
  /** CIDR in use; empty until the allocator has chosen. */
  readonly subnet: string;
  readonly removing: boolean;
}

export interface NetworkSpec {
  /** Unique in the cluster. */
  readonly name: string;
  /** Project it belongs to; empty for one made by `network create`. */
  readonly project: string;
  /** Compose key, for labels. */
  readonly key: string;
  readonly driver: string;
  /** Wanted CIDR; undefined lets the allocator choose. */
  readonly subnet?: string;
  /** The first node's address in it when given; the others get further ones. */
  readonly gateway?: string;
  /** Addresses that nobody gets: they are used outside of the cluster's knowledge. */
  readonly reserved?: readonly string[];
  /** Addresses for containers come from here when given. */
  readonly ipRange?: string;
  /** No way out of the network. */
  readonly internal: boolean;
  readonly attachable: boolean;
  readonly labels: Labels;
  readonly driverOpts: JsonObject;
}

/** A local named volume, pinned to the node that has its data. */
export interface Volume extends Meta {
  readonly id: VolumeId;
  readonly spec: VolumeSpec;
  /** Nodes that have it. Empty until its first task was placed. */
  readonly nodeIds: readonly NodeId[];
  readonly removing: boolean;
}

export interface VolumeSpec {
  readonly name: string;
  readonly project: string;
  readonly key: string;
  readonly driver: string;
  readonly driverOpts: Readonly<Record<string, string>>;
  readonly labels: Labels;
  /** Not made by us: it must be on the node already. */
  readonly external: boolean;
}

/**
 * Something that only one may hold: an address of a network or a host port of a node. The id names the
 * thing, so taking it twice is a conflict in the store. Released only when the holder's end was confirmed.
 */
export interface Lease extends Meta {
  readonly id: LeaseId;
  readonly holder:
    | { readonly kind: 'task'; readonly taskId: TaskId }
    /** A node's gateway on a network. */
    | { readonly kind: 'gateway'; readonly nodeId: NodeId; readonly networkId: NetworkId }
    /** Its task was removed while the node was down: free again when that node has come back or is removed. */
    | { readonly kind: 'fenced'; readonly nodeId: NodeId };
}

export function addressLeaseId(networkId: NetworkId, address: string): LeaseId {
  return `address/${networkId}/${address}` as LeaseId;
}

/** `hostIp` is empty for all addresses. */
export function portLeaseId(
  nodeId: NodeId,
  protocol: string,
  port: number,
  hostIp: string,
): LeaseId {
  return `port/${nodeId}/${protocol}/${String(port)}/${hostIp}` as LeaseId;
}
