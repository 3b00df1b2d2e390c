import type { NetworkId, TaskId } from '../manager/common/model/ids.js';
import type {
  NameView,
  StuckRemoval,
  ContainerDnsConfig,
} from '../manager/common/model/network-view.js';
import type { NodeCounters } from '../manager/common/protocol/statistics.js';
import { DnsServer } from '../network/dns/server.js';
import { beginIsolation, endIsolation } from '../network/linux/nft.js';
import { Overlay, type OverlayOptions } from '../network/overlay/overlay.js';
import type { DataPlane } from './executor/data-plane.js';

/**
 * Combines a new overlay with `names`, which may already be answering, or with a new DNS server.
 */
export function openOverlay(options: OverlayOptions, names?: DnsServer): DataPlane {
  const { clock, log } = options;
  return new OverlayDataPlane(new Overlay(options), names ?? new DnsServer({ clock, log }));
}

/** Data plane made of the overlay and the DNS server. */
export class OverlayDataPlane implements DataPlane {
  readonly mode = 'overlay';
  readonly #overlay: Overlay;
  readonly #dns: DnsServer;
  /** Networks that were ready once: tasks do not wait again for changes of remote endpoints. */
  readonly #joined = new Map<NetworkId, string>();

  constructor(overlay: Overlay, dns: DnsServer) {
    this.#overlay = overlay;
    this.#dns = dns;
  }

  async start(): Promise<void> {
    this.#overlay.start();
    this.#dns.start();
    await Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#dns.stop();
    await this.#overlay.stop();
  }

  setView(view: NameView): void {
    const wanted = new Set(view.networks.map((network) => network.id));
    for (const id of this.#joined.keys()) if (!wanted.has(id)) this.#joined.delete(id);
    this.#overlay.setView(view);
    this.#dns.setView(view);
  }

  async ready(
    networkId: NetworkId,
    signal: AbortSignal,
  ): Promise<{ readonly engineNetwork: string }> {
    const known = this.#joined.get(networkId);
    if (known !== undefined) return { engineNetwork: known };
    const found = await this.#overlay.ready(networkId, signal);
    this.#joined.set(networkId, found.engineNetwork);
    return found;
  }

  onNetworksChanged(
    callback: (present: readonly NetworkId[], stuck: readonly StuckRemoval[]) => void,
  ): void {
    this.#overlay.onNetworksChanged((present, stuck) => {
      const presentIds = new Set(present);
      for (const id of this.#joined.keys()) if (!presentIds.has(id)) this.#joined.delete(id);
      callback(present, stuck);
    });
  }

  setDown(taskIds: ReadonlySet<TaskId>): void {
    this.#dns.setDown(taskIds);
  }

  setContainerDns(containers: ReadonlyMap<string, ContainerDnsConfig>): void {
    this.#dns.setLocal(containers);
  }

  async beginIsolation(signal: AbortSignal): Promise<void> {
    await beginIsolation(signal);
  }

  async endIsolation(signal: AbortSignal): Promise<void> {
    await endIsolation(signal);
  }

  counters(): NodeCounters {
    return { dns: this.#dns.counts, network: this.#overlay.counts };
  }

  async purge(signal: AbortSignal): Promise<void> {
    await this.#overlay.purge(signal);
  }
}
