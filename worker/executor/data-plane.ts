import type { NetworkId, TaskId } from '../../manager/common/model/ids.js';
import type { NetworkView } from '../../manager/common/model/network-view.js';
import type { NodeCounters } from '../../manager/common/protocol/statistics.js';

/** The networks of one machine, made to be what the view says. */
export interface DataPlane {
  /** `overlay`: our DNS server answers on each gateway. `engine`: the engine's own DNS does. */
  readonly mode: 'overlay' | 'engine';
  start(signal: AbortSignal): Promise<void>;
  /** Stops looking after them; leaves them as they are. */
  stop(): Promise<void>;
  setView(view: NetworkView): void;
  /** Resolves with the engine network's name once containers can join it. */
  ready(networkId: NetworkId, signal: AbortSignal): Promise<{ readonly engineNetwork: string }>;
  /** Called with the networks that exist now: at start and after each change. */
  onNetworksChanged(callback: (present: readonly NetworkId[]) => void): void;
  /** These tasks do not answer now, whatever the view says. */
  setDown(taskIds: ReadonlySet<TaskId>): void;
  /** Resolvers of their own for containers with these addresses. */
  setUpstreams(upstreams: ReadonlyMap<string, readonly string[]>): void;
  /** Lets containers be reached again that a boot of the machine has kept apart. */
  endIsolation(signal: AbortSignal): Promise<void>;
  /** What it has done since it was started; undefined where it leaves all to the engine. */
  counters?(): NodeCounters;
  /** Removes all of it from the machine. */
  purge(signal: AbortSignal): Promise<void>;
}
