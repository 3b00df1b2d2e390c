import type { LeaseId, NetworkId, NodeId, TaskId, VolumeId } from './ids.js';
import type { JsonObject, Labels, Meta } from './meta.js';

/** IANA port of VXLAN (RFC 7348), not the kernel's older default of 8472. */
export const vxlanPort = 4789;

/** An overlay network across all nodes that run one of its tasks. */
export interface Network extends Meta {
  readonly id: NetworkId;
  readonly spec: NetworkSpec;
  /** VXLAN network identifier, random from 4096 up; 0 until allocated. */
  readonly vni: number;
  /** CIDR in use; empty until allocated. */
  readonly subnet: string;
  readonly removing: boolean;
  /** Nodes whose engine has refused for a while to remove the network, with the remedy. */
  readonly leftOn?: readonly StuckNetwork[];
}

export interface StuckNetwork {
  readonly nodeId: NodeId;
  readonly problem: string;
}

/** Sets or clears a node's problem with removing the network; the same object if unchanged. */
export function withStuckNode(
  network: Network,
  nodeId: NodeId,
  problem: string | undefined,
): Network {
  const { leftOn = [], ...rest } = network;
  if (leftOn.find((left) => left.nodeId === nodeId)?.problem === problem) return network;
  const others = leftOn.filter((left) => left.nodeId !== nodeId);
  const next = problem === undefined ? others : [...others, { nodeId, problem }];
  return next.length === 0 ? rest : { ...rest, leftOn: next };
}

export interface NetworkSpec {
  /** Unique in the cluster. */
  readonly name: string;
  /** Project of the network; empty if created by `network create`. */
  readonly project: string;
  /** Compose key, for labels. */
  readonly key: string;
  readonly driver: string;
  /** Requested CIDR; undefined lets the allocator choose. */
  readonly subnet?: string;
  /** Gateway address of the first node, if given; other nodes get further addresses. */
  readonly gateway?: string;
  /** Addresses that are never allocated (`aux_addresses`): used outside the cluster. */
  readonly reserved?: readonly string[];
  /** Range of container addresses, if given. */
  readonly ipRange?: string;
  /** Whether external access is blocked. */
  readonly internal: boolean;
  readonly attachable: boolean;
  readonly labels: Labels;
  readonly driverOpts: JsonObject;
}

/** True if the options ask for an encrypted overlay, as docker reads them. */
export function requestsEncryption({ driverOpts }: Pick<NetworkSpec, 'driverOpts'>): boolean {
  const { encrypted } = driverOpts;
  if (encrypted === undefined || encrypted === false) return false;
  return typeof encrypted !== 'string' || !/^(?:false|f|0)$/iu.test(encrypted);
}

/** A local named volume, bound to the node that has its data. */
export interface Volume extends Meta {
  readonly id: VolumeId;
  readonly spec: VolumeSpec;
  /** Nodes that have the volume. Empty until its first task is placed. */
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
  /** Not created by the cluster: the volume must already exist on the node. */
  readonly external: boolean;
}

/**
 * Exclusive right to an address of a network or a host port of a node. The id names the resource,
 * so a second lease is a conflict in the store. Released only once the holder's end is confirmed.
 */
export interface Lease extends Meta {
  readonly id: LeaseId;
  readonly holder:
    | { readonly kind: 'task'; readonly taskId: TaskId }
    /** Gateway of a node on a network. */
    | { readonly kind: 'gateway'; readonly nodeId: NodeId; readonly networkId: NetworkId }
    /** Task removed while its node was down: released when the node returns or is removed. */
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
