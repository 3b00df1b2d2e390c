import {
  array,
  dictionary,
  nonEmptyString,
  object,
  orElse,
  string,
} from '../../../manager/common/base/decode.js';
import { isConflict, isNotFound } from '../../../manager/common/base/errors.js';
import type { ForeignContainer } from '../../../manager/common/protocol/worker-calls.js';
import type { ForeignContainers } from '../executor.js';
import { decoded, type EngineClient } from './client.js';
import { shortId } from './containers.js';
import { clusterLabel, networkLabel } from '../../../manager/common/model/container-labels.js';

const label = {
  project: 'com.docker.compose.project',
  service: 'com.docker.compose.service',
  configFiles: 'com.docker.compose.project.config_files',
  /** Label by which docker compose recognizes its containers. */
  configHash: 'com.docker.compose.config-hash',
  network: 'com.docker.compose.network',
} as const;

/** Timeout for stopping a container, whatever its grace period. */
const stopMs = 120_000;

interface Listed {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly State: string;
  readonly Labels: Readonly<Record<string, string>>;
}

const labels = orElse(dictionary(string), {});
const listedContainer = object<Listed>({
  Id: nonEmptyString,
  Names: orElse(array(string), []),
  State: string,
  Labels: labels,
});

async function list(
  client: EngineClient,
  project: string,
  signal: AbortSignal,
): Promise<readonly Listed[]> {
  const filters = JSON.stringify({
    label: [`${label.project}=${project}`, label.configHash],
  });
  const listed = await client.call(
    `list containers of project ${project}`,
    decoded(array(listedContainer), (docker, abortSignal) =>
      docker.listContainers({ all: true, filters, abortSignal }),
    ),
    signal,
    15_000,
  );
  return listed.filter(({ Labels }) => Labels[clusterLabel] === undefined);
}

/** Containers that docker compose created on this engine. */
export class ComposeContainers implements ForeignContainers {
  readonly #client: EngineClient;

  constructor(client: EngineClient) {
    this.#client = client;
  }

  /** Containers of a Compose project that docker compose created, not a Shoal cluster. */
  async list(project: string, signal: AbortSignal): Promise<readonly ForeignContainer[]> {
    return (await list(this.#client, project, signal)).map(({ Names, State, Labels }) => ({
      name: (Names[0] ?? '').replace(/^\//u, ''),
      service: Labels[label.service] ?? '',
      state: State,
      configFiles: Labels[label.configFiles] ?? '',
    }));
  }

  /**
   * Stops each container with its own grace period and removes it, then removes the project's
   * networks. All volumes are kept, including anonymous ones, and so are networks that are still in
   * use.
   */
  async remove(project: string, configFiles: string, signal: AbortSignal): Promise<void> {
    const matching = (await list(this.#client, project, signal)).filter(
      ({ Labels }) => Labels[label.configFiles] === configFiles,
    );
    await Promise.all(matching.map(({ Id }) => remove(this.#client, Id, signal)));
    await removeNetworks(this.#client, project, signal);
  }
}

async function remove(client: EngineClient, id: string, signal: AbortSignal): Promise<void> {
  try {
    await client.call(
      `stop container ${shortId(id)}`,
      (docker, abortSignal) => docker.getContainer(id).stop({ abortSignal }) as Promise<unknown>,
      signal,
      stopMs,
    );
    await client.call(
      `remove container ${shortId(id)}`,
      (docker, abortSignal) =>
        docker.getContainer(id).remove({ force: true, abortSignal }) as Promise<unknown>,
      signal,
    );
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

interface ListedNetwork {
  readonly Id: string;
  readonly Name: string;
  readonly Labels: Readonly<Record<string, string>>;
}

const listedNetwork = object<ListedNetwork>({ Id: nonEmptyString, Name: string, Labels: labels });

async function removeNetworks(
  client: EngineClient,
  project: string,
  signal: AbortSignal,
): Promise<void> {
  const filters = JSON.stringify({ label: [`${label.project}=${project}`, label.network] });
  const listed = await client.call(
    `list networks of project ${project}`,
    decoded(array(listedNetwork), (docker) => docker.listNetworks({ filters })),
    signal,
    15_000,
  );
  for (const { Id, Name, Labels } of listed) {
    if (Labels[networkLabel] !== undefined) continue;
    try {
      await client.call(
        `remove network ${Name}`,
        (docker, abortSignal) => docker.getNetwork(Id).remove({ abortSignal }) as Promise<unknown>,
        signal,
        30_000,
      );
    } catch (error) {
      if (!isNotFound(error) && !isInUse(error)) throw error;
    }
  }
}

/** True if the network is in use; engines before 28 report 403. */
function isInUse(error: unknown): boolean {
  return isConflict(error) || (error instanceof Error && /active endpoints/iu.test(error.message));
}
