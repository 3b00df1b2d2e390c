import type { NetworkId, TaskId } from '../../manager/common/model/ids.js';
import type {
  NameView,
  ContainerDnsConfig,
  StuckRemoval,
} from '../../manager/common/model/network-view.js';
import type { NodeCounters } from '../../manager/common/protocol/statistics.js';

/** Reconciles the networks of this machine with the network view. */
export interface DataPlane {
  /**
   * `overlay`: the worker's DNS server answers on each gateway. `engine`: the engine's DNS answers.
   */
  readonly mode: 'overlay' | 'engine';
  start(signal: AbortSignal): Promise<void>;
  /** Stops reconciling and leaves the networks in place. */
  stop(): Promise<void>;
  setView(view: NameView): void;
  /** Resolves with the engine network's name once containers can join it. */
  ready(networkId: NetworkId, signal: AbortSignal): Promise<{ readonly engineNetwork: string }>;
  /**
   * Called with the networks that exist now, and those that the engine refuses to remove: at start
   * and after each change.
   */
  onNetworksChanged(
    callback: (present: readonly NetworkId[], stuck: readonly StuckRemoval[]) => void,
  ): void;
  /** Marks tasks as down, whatever the view says: DNS stops returning them. */
  setDown(taskIds: ReadonlySet<TaskId>): void;
  /** Sets the DNS settings of local containers, keyed by address on any of their networks. */
  setContainerDns(containers: ReadonlyMap<string, ContainerDnsConfig>): void;
  /** Forwards nothing to or from containers, published ports included, until `endIsolation`. */
  beginIsolation(signal: AbortSignal): Promise<void>;
  /** Ends the isolation of containers that began at boot or with `beginIsolation`. */
  endIsolation(signal: AbortSignal): Promise<void>;
  /** Counters since the start; absent if the engine does all the work. */
  counters?(): NodeCounters;
  /** Removes all of its networks from the machine. */
  purge(signal: AbortSignal): Promise<void>;
}
