import { AppError } from '../../manager/common/base/errors.js';
import type { NetworkId } from '../../manager/common/model/ids.js';
import type { NetworkOnNode } from '../../manager/common/model/network-view.js';

interface Waiter {
  readonly networkId: NetworkId;
  readonly resolve: (network: { readonly engineNetwork: string }) => void;
  readonly reject: (error: AppError) => void;
}

/** Waiters for networks to become ready, and the networks that are ready. */
export class ReadyWaiters {
  readonly #waiters = new Set<Waiter>();
  #ready = new Map<NetworkId, string>();
  #problems: ReadonlyMap<NetworkId | undefined, string> = new Map();

  /** Marks networks as not ready because the view changed or no longer has them. */
  forget(networks: readonly NetworkId[]): void {
    for (const id of networks) this.#ready.delete(id);
  }

  /** True if the network was ready at the last observation. */
  has(networkId: NetworkId): boolean {
    return this.#ready.has(networkId);
  }

  /**
   * Replaces the ready networks and resolves their waiters; `problems` tells why the others are not
   * ready.
   */
  settle(
    networks: readonly NetworkOnNode[],
    problems: ReadonlyMap<NetworkId | undefined, string>,
  ): void {
    this.#ready = new Map(networks.map(({ id, name }) => [id, name]));
    this.#problems = problems;
    for (const waiter of this.#waiters) {
      const engineNetwork = this.#ready.get(waiter.networkId);
      if (engineNetwork !== undefined) waiter.resolve({ engineNetwork });
    }
  }

  wait(networkId: NetworkId, signal: AbortSignal): Promise<{ readonly engineNetwork: string }> {
    const engineNetwork = this.#ready.get(networkId);
    if (engineNetwork !== undefined) return Promise.resolve({ engineNetwork });
    return new Promise((resolve, reject) => {
      const cleanUp = (): void => {
        this.#waiters.delete(waiter);
        signal.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter = {
        networkId,
        resolve: (network) => {
          cleanUp();
          resolve(network);
        },
        reject: (error) => {
          cleanUp();
          reject(error);
        },
      };
      const onAbort = (): void => {
        const problem = this.#problems.get(networkId) ?? this.#problems.get(undefined);
        const reason = problem === undefined ? '' : `: ${problem}`;
        waiter.reject(new AppError('unavailable', `network ${networkId} is not ready${reason}`));
      };
      this.#waiters.add(waiter);
      signal.addEventListener('abort', onAbort);
      if (signal.aborted) onAbort();
    });
  }

  failAll(error: AppError): void {
    for (const waiter of this.#waiters) waiter.reject(error);
  }
}
