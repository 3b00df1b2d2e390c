import type { NetworkId } from '../../manager/common/model/ids.js';
import type { NetworkOnNode } from '../../manager/common/model/network-view.js';

/** An engine network of ours as it is now. */
export interface SeenBridgeNetwork {
  readonly networkId: NetworkId;
  /** The engine's own id. */
  readonly engineId: string;
  readonly name: string;
  /** Kernel name of its bridge. */
  readonly bridge: string;
  readonly subnet: string;
  readonly gateway: string;
  readonly mtu: number;
  readonly internal: boolean;
  /** Containers attached, by the engine's ids. */
  readonly containers: readonly string[];
}

/**
 * The engine's `bridge` networks that carry overlays, marked with our label. Implemented by the worker's
 * executor; only the overlay room creates and removes them.
 */
export interface BridgeNetworks {
  list(signal: AbortSignal): Promise<readonly SeenBridgeNetwork[]>;
  /** Fails as `conflict` when a foreign network has the name, bridge or an overlapping subnet. */
  create(network: NetworkOnNode, bridge: string, mtu: number, signal: AbortSignal): Promise<void>;
  /** Fails as `conflict` while containers are attached; fine when it is gone. */
  remove(networkId: NetworkId, signal: AbortSignal): Promise<void>;
}
