import type { NetworkId } from '../../manager/common/model/ids.js';
import type { NetworkOnNode } from '../../manager/common/model/network-view.js';

/** An engine network created by Shoal, as observed. */
export interface ObservedBridgeNetwork {
  readonly networkId: NetworkId;
  /** The engine's id of the network. */
  readonly engineId: string;
  readonly name: string;
  /** Kernel name of the network's bridge. */
  readonly bridge: string;
  readonly subnet: string;
  readonly gateway: string;
  readonly mtu: number;
  readonly internal: boolean;
  /** Engine ids of the attached containers. */
  readonly containers: readonly string[];
}

/**
 * The engine's `bridge` networks that carry overlays, marked with Shoal's label. Implemented by the
 * worker's executor; only the overlay room creates and removes them.
 */
export interface BridgeNetworks {
  list(signal: AbortSignal): Promise<readonly ObservedBridgeNetwork[]>;
  /** Fails as `conflict` when a foreign network has the name, bridge or an overlapping subnet. */
  create(network: NetworkOnNode, bridge: string, mtu: number, signal: AbortSignal): Promise<void>;
  /** Fails as `conflict` while containers are attached; succeeds if the network is already gone. */
  remove(networkId: NetworkId, signal: AbortSignal): Promise<void>;
}
