import type { ContainerControl } from '../executor.js';
import type { EngineClient } from './client.js';
import type { ContainerWatch } from './container-watch.js';
import { restartContainer, shortId } from './containers.js';

/** A user's actions on containers of the machine's Docker Engine. */
export class DockerContainerControl implements ContainerControl {
  readonly #client: EngineClient;
  readonly #watch: ContainerWatch;

  constructor(client: EngineClient, watch: ContainerWatch) {
    this.#client = client;
    this.#watch = watch;
  }

  async restart(containerId: string, graceMs: number, signal: AbortSignal): Promise<void> {
    await restartContainer(this.#client, containerId, graceMs, signal);
    await this.#watch.inspect(containerId);
  }

  async kill(containerId: string, killSignal: string, signal: AbortSignal): Promise<void> {
    await this.#client.call(
      `kill container ${shortId(containerId)}`,
      (docker, abortSignal) =>
        docker
          .getContainer(containerId)
          .kill({ signal: killSignal, abortSignal }) as Promise<unknown>,
      signal,
      15_000,
    );
  }

  async pause(containerId: string, signal: AbortSignal): Promise<void> {
    await this.#toggle('pause', containerId, signal);
  }

  async unpause(containerId: string, signal: AbortSignal): Promise<void> {
    await this.#toggle('unpause', containerId, signal);
  }

  async #toggle(to: 'pause' | 'unpause', containerId: string, signal: AbortSignal): Promise<void> {
    await this.#client.call(
      `${to} container ${shortId(containerId)}`,
      (docker, abortSignal) =>
        docker.getContainer(containerId)[to]({ abortSignal }) as Promise<unknown>,
      signal,
      15_000,
    );
  }
}
