import type { SeenBridgeNetwork } from './bridge-networks.js';

/** A bridge of ours as the kernel has it. */
export interface SeenBridge {
  readonly name: string;
  readonly up: boolean;
  readonly mac: string;
  /** IPv4 addresses with prefix, as in `10.0.0.1/24`. */
  readonly addresses: readonly string[];
}

/** A VXLAN device of ours as the kernel has it. */
export interface SeenVxlan {
  readonly name: string;
  readonly vni: number;
  readonly port: number;
  readonly local: string | undefined;
  readonly learning: boolean;
  readonly proxy: boolean;
  readonly mtu: number;
  readonly up: boolean;
  readonly master: string | undefined;
  /** Whether the bridge floods unknown unicast and multicast to it and learns from it; undefined off a bridge. */
  readonly portFloods: boolean | undefined;
}

/** Forwarding entries of one VXLAN device. */
export interface SeenFdb {
  /** Static entries of the device: MAC → VTEPs. */
  readonly tunnel: ReadonlyMap<string, readonly string[]>;
  /** MACs the bridge sends to the device, static ones only. */
  readonly bridge: ReadonlySet<string>;
}

/** Everything that carries our names, and nothing else. */
export interface SeenState {
  readonly bridges: ReadonlyMap<string, SeenBridge>;
  readonly vxlans: ReadonlyMap<string, SeenVxlan>;
  /** Per VXLAN device. */
  readonly fdb: ReadonlyMap<string, SeenFdb>;
  /** Permanent neighbours per VXLAN device: address → MAC. */
  readonly neighbours: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Interfaces enslaved to bridges of ours, and those enslaved to nothing: name → bridge or undefined. */
  readonly ports: ReadonlyMap<string, string | undefined>;
  /** The nft table's mark, when it is whole; undefined when missing or altered. */
  readonly rulesetMark: string | undefined;
  /** Bridges whose own traffic passes the engine's firewall at once; undefined where it has no place for that. */
  readonly passes: ReadonlySet<string> | undefined;
  /** The engine's networks; undefined while the engine does not answer. */
  readonly engine: readonly SeenBridgeNetwork[] | undefined;
}
