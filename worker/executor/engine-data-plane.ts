import type { Clock } from '../../manager/common/base/clock.js';
import { isConflict } from '../../manager/common/base/errors.js';
import type { Logger } from '../../manager/common/base/log.js';
import { ReconcileLoop } from '../../manager/common/base/loop.js';
import type { NetworkId } from '../../manager/common/model/ids.js';
import type { NetworkOnNode, NameView } from '../../manager/common/model/network-view.js';
import type { BridgeNetworks, ObservedBridgeNetwork } from '../../network/plan/bridge-networks.js';
import { deferred, untilAborted, type Deferred } from '../../manager/common/base/cancellation.js';
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

/**
 * Plans which networks to create and remove; a network with another name, subnet or `internal` flag
 * is recreated.
 */
export function planNetworks(
  wanted: readonly NetworkOnNode[],
  seen: readonly ObservedBridgeNetwork[],
): NetworkPlan {
  const matches = (network: NetworkOnNode): boolean =>
    seen.some(
      (other) =>
        other.networkId === network.id &&
        other.name === network.name &&
        other.subnet === network.subnet &&
        other.internal === network.internal,
    );
  const unchanged = new Set<string>(wanted.filter(matches).map((network) => network.id));
  return {
    create: wanted.filter((network) => !unchanged.has(network.id)),
    remove: seen.map((network) => network.networkId).filter((id) => !unchanged.has(id)),
  };
}

/**
 * Networks of a single rootless machine: plain engine bridges, with names resolved by the engine's
 * DNS, which knows the aliases of each container. Without tunnels there is no second machine.
 */
export class EngineDataPlane implements DataPlane {
  readonly mode = 'engine';
  readonly #options: EngineDataPlaneOptions;
  readonly #loop: ReconcileLoop;
  readonly #ready = new Map<NetworkId, string>();
  readonly #waiting = new Map<NetworkId, Deferred<undefined>>();
  readonly #callbacks: ((present: readonly NetworkId[]) => void)[] = [];
  #view: NameView | undefined;
  #reported: string | undefined;

  constructor(options: EngineDataPlaneOptions) {
    this.#options = options;
    this.#loop = new ReconcileLoop({
      name: 'networks',
      clock: options.clock,
      log: options.log,
      resyncMs,
      reconcile: (signal) => this.#turn(signal),
    });
  }

  async start(): Promise<void> {
    this.#loop.start();
    await Promise.resolve();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  setView(view: NameView): void {
    this.#view = view;
    this.#loop.trigger();
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

  onNetworksChanged(
    callback: (present: readonly NetworkId[], stuck: readonly never[]) => void,
  ): void {
    this.#callbacks.push((present) => {
      callback(present, []);
    });
  }

  setDown(): void {
    // The engine's DNS ignores health: it returns every running container.
  }

  setContainerDns(): void {
    // The engine applies `dns:` and `dns_search:` of a container itself.
  }

  /** No-op: there is no second machine that could have replaced containers. */
  async beginIsolation(): Promise<void> {
    await Promise.resolve();
  }

  /** No-op: this data plane never isolates containers. */
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
          // Its containers are being removed: a later turn removes the network.
          if (!isConflict(error)) throw error;
        });
      }
      for (const network of plan.create) await networks.create(network, '', mtu, signal);
      for (const network of view.networks) this.#markReady(network);
    }
    const present = (await networks.list(signal)).map((network) => network.networkId).sort();
    if (present.join() !== this.#reported) {
      this.#reported = present.join();
      for (const callback of this.#callbacks) callback(present);
    }
    if (view !== undefined && present.length > view.networks.length) {
      // Containers are still attached to a network that is no longer wanted.
      this.#options.clock.after(300, () => {
        this.#loop.trigger();
      });
      log.debug('networks: waiting for containers to detach before removal');
    }
  }

  #markReady(network: NetworkOnNode): void {
    this.#ready.set(network.id, network.name);
    this.#waiting.get(network.id)?.resolve(undefined);
    this.#waiting.delete(network.id);
  }
}
