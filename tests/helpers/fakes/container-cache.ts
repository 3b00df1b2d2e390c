import type { ContainerCache, ObservedContainer } from '../../../worker/executor/executor.js';

/** The containers of an engine in memory; each change is announced at once. */
export class FakeContainerCache implements ContainerCache {
  readonly #containers = new Map<string, ObservedContainer>();
  readonly #onChange: ((containerId: string) => void)[] = [];
  readonly #onSync: (() => void)[] = [];
  hasSynced = true;
  connected = true;

  all(): Iterable<ObservedContainer> {
    return this.#containers.values();
  }

  get(containerId: string): ObservedContainer | undefined {
    return this.#containers.get(containerId);
  }

  synced(): Promise<void> {
    return Promise.resolve();
  }

  onChange(callback: (containerId: string) => void): void {
    this.#onChange.push(callback);
  }

  onSync(callback: () => void): void {
    this.#onSync.push(callback);
  }

  /** Adds or replaces a container without an announcement, as before the first list. */
  put(container: ObservedContainer): void {
    this.#containers.set(container.id, container);
  }

  set(container: ObservedContainer): void {
    this.put(container);
    for (const callback of this.#onChange) callback(container.id);
  }

  delete(containerId: string): void {
    if (!this.#containers.delete(containerId)) return;
    for (const callback of this.#onChange) callback(containerId);
  }

  /** The engine has answered with a complete list. */
  sync(): void {
    this.hasSynced = true;
    this.connected = true;
    for (const callback of this.#onSync) callback();
  }
}
