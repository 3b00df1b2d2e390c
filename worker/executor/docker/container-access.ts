import { array, object, orElse, string } from '../../../manager/common/base/decode.js';
import type { ExecOptions, LogOptions } from '../../../manager/common/protocol/worker-calls.js';
import type { ContainerAccess, ProcessTable, RunningProcess } from '../executor.js';
import { decoded, type EngineClient } from './client.js';
import { inspectContainer, shortId } from './containers.js';
import { attachTo, execInContainer, openLog } from './exec.js';
import { openArchive, putArchive, statContainerPath } from './file-streams.js';

interface TopAnswer {
  readonly Titles: readonly string[];
  readonly Processes: readonly (readonly string[])[];
}

const topAnswer = object<TopAnswer>({
  Titles: orElse(array(string), []),
  Processes: orElse(array(array(string)), []),
});

/** Processes, logs and files in containers of the machine's Docker Engine. */
export class DockerContainerAccess implements ContainerAccess {
  readonly #client: EngineClient;

  constructor(client: EngineClient) {
    this.#client = client;
  }

  async top(containerId: string, psArgs: string, signal: AbortSignal): Promise<ProcessTable> {
    const seen = await this.#client.call(
      `list processes of container ${shortId(containerId)}`,
      decoded(
        topAnswer,
        (docker, abortSignal) =>
          docker
            .getContainer(containerId)
            .top({ ps_args: psArgs, abortSignal }) as Promise<unknown>,
      ),
      signal,
      15_000,
    );
    return { titles: seen.Titles, processes: seen.Processes };
  }

  async inspect(containerId: string, signal: AbortSignal): Promise<unknown> {
    return await inspectContainer(this.#client, containerId, signal);
  }

  async logs(
    containerId: string,
    options: LogOptions,
    signal: AbortSignal,
  ): Promise<{ stream: NodeJS.ReadableStream; tty: boolean }> {
    return await openLog(this.#client, containerId, options, signal);
  }

  async stats(containerId: string, signal: AbortSignal): Promise<NodeJS.ReadableStream> {
    const operation = `read statistics of container ${shortId(containerId)}`;
    const path = `/containers/${containerId}/stats`;
    return await this.#client.stream(operation, path, { stream: true }, signal);
  }

  async exec(
    containerId: string,
    options: ExecOptions,
    signal: AbortSignal,
  ): Promise<RunningProcess> {
    return await execInContainer(this.#client, containerId, options, signal);
  }

  async attach(
    containerId: string,
    options: { readonly stdin: boolean; readonly replay?: boolean },
    signal: AbortSignal,
  ): Promise<RunningProcess> {
    return await attachTo(this.#client, containerId, options, signal);
  }

  readonly readArchive: ContainerAccess['readArchive'] = (containerId, path, signal) =>
    openArchive(this.#client, containerId, path, signal);

  readonly statPath: ContainerAccess['statPath'] = (containerId, path, signal) =>
    statContainerPath(this.#client, containerId, path, signal);

  readonly writeArchive: ContainerAccess['writeArchive'] = (containerId, path, archive, signal) =>
    putArchive(this.#client, containerId, { path, archive }, signal);
}
