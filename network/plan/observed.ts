import type { ObservedBridgeNetwork } from './bridge-networks.js';
import type { ObservedTable } from './table.js';

/** A Shoal bridge as observed in the kernel. */
export interface ObservedBridge {
  readonly name: string;
  readonly up: boolean;
  readonly mac: string;
  /** IPv4 addresses with prefix, as in `10.0.0.1/24`. */
  readonly addresses: readonly string[];
}

/** A Shoal VXLAN device as observed in the kernel. */
export interface ObservedVxlan {
  readonly name: string;
  readonly vni: number;
  readonly port: number;
  readonly local: string | undefined;
  readonly learning: boolean;
  readonly proxy: boolean;
  readonly mtu: number;
  readonly up: boolean;
  readonly master: string | undefined;
  /**
   * True if the bridge port floods unknown unicast or multicast, or learns; undefined if the device
   * is on no bridge.
   */
  readonly portFloods: boolean | undefined;
}

/** Forwarding entries of one VXLAN device. */
export interface ObservedFdb {
  /** Static tunnel entries of the device: MAC → VTEPs. */
  readonly tunnel: ReadonlyMap<string, readonly string[]>;
  /** MACs that the bridge forwards to the device, static entries only. */
  readonly bridge: ReadonlySet<string>;
}

/** The observed state of all Shoal objects on the machine. */
export interface ObservedState {
  readonly bridges: ReadonlyMap<string, ObservedBridge>;
  readonly vxlans: ReadonlyMap<string, ObservedVxlan>;
  /** Forwarding entries per VXLAN device. */
  readonly fdb: ReadonlyMap<string, ObservedFdb>;
  /** Permanent neighbour entries per VXLAN device: address → MAC. */
  readonly neighbours: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Ports of Shoal's bridges and interfaces without a bridge: name → bridge or undefined. */
  readonly ports: ReadonlyMap<string, string | undefined>;
  /** The nft table; undefined if it is missing. */
  readonly table: ObservedTable | undefined;
  /** Bridges with an accept rule in DOCKER-USER; undefined if the engine has no such chain. */
  readonly acceptRules: ReadonlySet<string> | undefined;
  /** The engine's networks; undefined while the engine is unreachable. */
  readonly engine: readonly ObservedBridgeNetwork[] | undefined;
}
