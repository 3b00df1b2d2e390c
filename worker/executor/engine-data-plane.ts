import type { Clock } from '../../manager/common/base/clock.js';
import { isConflict } from '../../manager/common/base/errors.js';
import type { Logger } from '../../manager/common/base/log.js';
import { Loop } from '../../manager/common/base/loop.js';
import type { NetworkId } from '../../manager/common/model/ids.js';
import type { NetworkOnNode, NetworkView } from '../../manager/common/model/network-view.js';
import type { BridgeNetworks, SeenBridgeNetwork } from '../../network/plan/bridge-networks.js';
import { deferred, untilAborted, type Deferred } from '../cancellation.js';
import type { DataPlane } from './data-plane.js';

export interface EngineDataPlaneOptions {
  readonly networks: BridgeNetworks;
  readonly clock: Clock;
  readonly log: Logger;
}

const mtu = 1500;
const resyncMs = 10_000;

export interface NetworkPlan {
  readonly create: readonly NetworkOnNode[];
  readonly remove: readonly NetworkId[];
}

/** What to do about a machine's own networks; one with another subnet or way out is made anew. */
export function planNetworks(
  wanted: readonly NetworkOnNode[],
  seen: readonly SeenBridgeNetwork[],
): NetworkPlan {
  const fits = (network: NetworkOnNode): boolean =>
    seen.some(
      (other) =>
        other.networkId === network.id &&
        other.name === network.name &&
        other.subnet === network.subnet &&
        other.internal === network.internal,
    );
  const kept = new Set<string>(wanted.filter(fits).map((network) => network.id));
  return {
    create: wanted.filter((network) => !kept.has(network.id)),
    remove: seen.map((network) => network.networkId).filter((id) => !kept.has(id)),
  };
}

/**
 * Networks of a single machine without root: plain bridges of the engine, names by the engine's own DNS,
 * which knows all the aliases a container joins with. No tunnel, so no second machine.
 */
export class EngineDataPlane implements DataPlane {
  readonly mode = 'engine';
  readonly #options: EngineDataPlaneOptions;
  readonly #loop: Loop;
  readonly #ready = new Map<NetworkId, string>();
  readonly #waiting = new Map<NetworkId, Deferred<undefined>>();
  readonly #callbacks: ((present: readonly NetworkId[]) => void)[] = [];
  #view: NetworkView | undefined;
  #told: string | undefined;

  constructor(options: EngineDataPlaneOptions) {
    this.#options = options;
    this.#loop = new Loop({
      name: 'networks',
      clock: options.clock,
      log: options.log,
      resyncMs,
      turn: (signal) => this.#turn(signal),
    });
  }

  async start(): Promise<void> {
    this.#loop.start();
    await Promise.resolve();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  setView(view: NetworkView): void {
    this.#view = view;
    this.#loop.poke();
  }

  async ready(
    networkId: NetworkId,
    signal: AbortSignal,
  ): Promise<{ readonly engineNetwork: string }> {
    for (;;) {
      const engineNetwork = this.#ready.get(networkId);
      if (engineNetwork !== undefined) return { engineNetwork };
      const waiting = this.#waiting.get(networkId) ?? deferred<undefined>();
      this.#waiting.set(networkId, waiting);
      await untilAborted(waiting.promise, signal);
    }
  }

  onNetworksChanged(callback: (present: readonly NetworkId[]) => void): void {
    this.#callbacks.push(callback);
  }

  setDown(): void {
    // The engine's DNS knows no health: it answers with every running container.
  }

  setUpstreams(): void {
    // `dns:` of a container goes to the engine as it is.
  }

  /** It never keeps anything apart. */
  async endIsolation(): Promise<void> {
    await Promise.resolve();
  }

  async purge(signal: AbortSignal): Promise<void> {
    const { networks } = this.#options;
    for (const network of await networks.list(signal))
      await networks.remove(network.networkId, signal);
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const view = this.#view;
    const { networks, log } = this.#options;
    const plan = planNetworks(view?.networks ?? [], await networks.list(signal));
    if (view !== undefined) {
      for (const id of plan.remove) {
        this.#ready.delete(id);
        await networks.remove(id, signal).catch((error: unknown) => {
          // Its containers are on their way out: the next look finds it free.
          if (!isConflict(error)) throw error;
        });
      }
      for (const network of plan.create) await networks.create(network, '', mtu, signal);
      for (const network of view.networks) this.#becameReady(network);
    }
    const present = (await networks.list(signal)).map((network) => network.networkId).sort();
    if (present.join() !== this.#told) {
      this.#told = present.join();
      for (const callback of this.#callbacks) callback(present);
    }
    if (view !== undefined && present.length > view.networks.length) {
      // Something still hangs on a network that is no longer wanted.
      this.#options.clock.after(300, () => {
        this.#loop.poke();
      });
      log.debug('networks wait for their containers to go');
    }
  }

  #becameReady(network: NetworkOnNode): void {
    this.#ready.set(network.id, network.name);
    this.#waiting.get(network.id)?.resolve(undefined);
    this.#waiting.delete(network.id);
  }
}
