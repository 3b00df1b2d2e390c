import type { NetworkId, TaskId } from '../manager/model/ids.js';
import type { NetworkView } from '../manager/model/network-view.js';
import { Overlay, type OverlayOptions } from '../network/overlay/overlay.js';
import type { DataPlane } from './executor/data-plane.js';

/** The part of the name server that a worker needs. */
export interface NameServer {
  start(): Promise<void> | void;
  stop(): Promise<void>;
  setView(view: NetworkView): void;
  setDown(taskIds: ReadonlySet<TaskId>): void;
  setLocal(locals: ReadonlyMap<string, { readonly upstreams: readonly string[] }>): void;
}

export function openOverlay(options: OverlayOptions): DataPlane {
  return new OverlayDataPlane(new Overlay(options), noNames);
}

const noNames: NameServer = {
  start: () => undefined,
  stop: () => Promise.resolve(),
  setView: () => undefined,
  setDown: () => undefined,
  setLocal: () => undefined,
};

/** The overlay and its name server as the one thing that tasks need of both. */
export class OverlayDataPlane implements DataPlane {
  readonly mode = 'overlay';
  readonly #overlay: Overlay;
  readonly #dns: NameServer;
  /** Networks that were in place once: an endpoint more or less elsewhere does not make a task wait. */
  readonly #joined = new Map<NetworkId, string>();

  constructor(overlay: Overlay, dns: NameServer) {
    this.#overlay = overlay;
    this.#dns = dns;
  }

  async start(): Promise<void> {
    this.#overlay.start();
    await this.#dns.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#overlay.stop(), this.#dns.stop()]);
  }

  setView(view: NetworkView): void {
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

  onNetworksChanged(callback: (present: readonly NetworkId[]) => void): void {
    this.#overlay.onNetworksChanged((present) => {
      const there = new Set(present);
      for (const id of this.#joined.keys()) if (!there.has(id)) this.#joined.delete(id);
      callback(present);
    });
  }

  setDown(taskIds: ReadonlySet<TaskId>): void {
    this.#dns.setDown(taskIds);
  }

  setUpstreams(upstreams: ReadonlyMap<string, readonly string[]>): void {
    this.#dns.setLocal(
      new Map([...upstreams].map(([address, servers]) => [address, { upstreams: servers }])),
    );
  }

  async purge(signal: AbortSignal): Promise<void> {
    await this.#overlay.purge(signal);
  }
}
