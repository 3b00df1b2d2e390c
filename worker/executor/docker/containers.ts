import {
  AppError,
  isConflict,
  isNotFound,
  messageOf,
} from '../../../manager/common/base/errors.js';
import type { EngineRestart } from '../../../manager/common/model/container.js';
import type { AssignedTask } from '../../../manager/common/protocol/assignments.js';
import type { EngineAttachment, SeenContainer, TaskInputs } from '../executor.js';
import { effectiveCommand, type LocalImage } from './images.js';
import type { EngineClient } from './client.js';
import type { ContainerWatch } from './container-watch.js';
import { endpointConfig, type CreateRequest } from './create-options.js';

const slowMs = 120_000;

export function shortId(containerId: string): string {
  return containerId.slice(0, 12);
}

/** Makes a container and joins its further networks; nothing is left behind when that fails. */
export async function createContainer(
  client: EngineClient,
  watch: ContainerWatch,
  request: CreateRequest,
  signal: AbortSignal,
): Promise<string> {
  await freeName(client, watch, request.name, signal);
  const { name, platform, body } = request;
  const query = platform === undefined ? { name } : { name, platform };
  const { id } = await client.call(
    `create container ${name}`,
    (docker, abortSignal) =>
      // The library would put the whole body into the query, too, unless told apart.
      docker.createContainer({ _query: query, _body: body, abortSignal } as object),
    signal,
    slowMs,
  );
  try {
    for (const attachment of request.joinLater) await join(client, id, attachment, signal);
  } catch (error) {
    await removeContainer(client, id, AbortSignal.timeout(slowMs)).catch(() => undefined);
    throw error;
  }
  return id;
}

/** The slot's former container keeps existing until its task is forgotten, under another name. */
async function freeName(
  client: EngineClient,
  watch: ContainerWatch,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  for (const other of [...watch.all()]) {
    if (other.name !== name) continue;
    const aside = `${shortId(other.id)}_${name}`;
    try {
      await client.call(
        `rename container ${name}`,
        (docker, abortSignal) =>
          docker.getContainer(other.id).rename({ name: aside, abortSignal }) as Promise<unknown>,
        signal,
      );
      watch.noteRenamed(other.id, aside);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

async function join(
  client: EngineClient,
  containerId: string,
  attachment: EngineAttachment,
  signal: AbortSignal,
): Promise<void> {
  const { engineNetwork } = attachment;
  await client.call(
    `join container ${shortId(containerId)} to network ${engineNetwork}`,
    (docker, abortSignal) =>
      docker.getNetwork(engineNetwork).connect({
        Container: containerId,
        EndpointConfig: endpointConfig(attachment, client.apiMinor),
        abortSignal,
      } as object) as Promise<unknown>,
    signal,
  );
}

export async function leave(
  client: EngineClient,
  containerId: string,
  engineNetwork: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    await client.call(
      `take container ${shortId(containerId)} off network ${engineNetwork}`,
      (docker, abortSignal) =>
        docker.getNetwork(engineNetwork).disconnect({
          Container: containerId,
          Force: true,
          abortSignal,
        } as object) as Promise<unknown>,
      signal,
      15_000,
    );
  } catch (error) {
    if (isNotFound(error) || messageOf(error).includes('is not connected')) return;
    throw error;
  }
}

/** Joins a stopped container to exactly these networks with these addresses. */
export async function rejoin(
  client: EngineClient,
  container: SeenContainer,
  attachments: readonly EngineAttachment[],
  signal: AbortSignal,
): Promise<void> {
  for (const network of Object.keys(container.addresses)) {
    await leave(client, container.id, network, signal);
  }
  for (const attachment of attachments) await join(client, container.id, attachment, signal);
}

export function addressesFit(
  container: SeenContainer,
  attachments: readonly EngineAttachment[],
): boolean {
  return (
    Object.keys(container.addresses).length === attachments.length &&
    attachments.every((wanted) => container.addresses[wanted.engineNetwork] === wanted.address)
  );
}

export async function startContainer(
  client: EngineClient,
  containerId: string,
  signal: AbortSignal,
): Promise<void> {
  await client.call(
    `start container ${shortId(containerId)}`,
    (docker, abortSignal) =>
      docker.getContainer(containerId).start({ abortSignal }) as Promise<unknown>,
    signal,
    slowMs,
  );
}

export async function stopContainer(
  client: EngineClient,
  containerId: string,
  graceMs: number,
  signal: AbortSignal,
): Promise<void> {
  const t = Math.ceil(graceMs / 1000);
  try {
    await client.call(
      `stop container ${shortId(containerId)}`,
      (docker, abortSignal) =>
        docker.getContainer(containerId).stop({ t, abortSignal }) as Promise<unknown>,
      signal,
      graceMs + 30_000,
    );
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

export async function restartContainer(
  client: EngineClient,
  containerId: string,
  graceMs: number,
  signal: AbortSignal,
): Promise<void> {
  await client.call(
    `restart container ${shortId(containerId)}`,
    (docker, abortSignal) =>
      docker
        .getContainer(containerId)
        .restart({ t: Math.ceil(graceMs / 1000), abortSignal }) as Promise<unknown>,
    signal,
    graceMs + 60_000,
  );
}

/** Of a container that is there. Fine when it is gone. */
export async function setRestartPolicy(
  client: EngineClient,
  containerId: string,
  { name, maxRetries = 0 }: EngineRestart,
  signal: AbortSignal,
): Promise<void> {
  const policy = { RestartPolicy: { Name: name, MaximumRetryCount: maxRetries } };
  try {
    await client.call(
      `update container ${shortId(containerId)}`,
      (docker, abortSignal) =>
        docker
          .getContainer(containerId)
          .update({ _query: {}, _body: policy, abortSignal }) as Promise<unknown>,
      signal,
    );
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** With its anonymous volumes, and by force. */
export async function removeContainer(
  client: EngineClient,
  containerId: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    await client.call(
      `remove container ${shortId(containerId)}`,
      (docker, abortSignal) =>
        docker
          .getContainer(containerId)
          .remove({ force: true, v: true, abortSignal }) as Promise<unknown>,
      signal,
      slowMs,
    );
  } catch (error) {
    if (isNotFound(error)) return;
    // Somebody else is removing it; asking again later finds it gone.
    if (isConflict(error)) {
      throw new AppError('unavailable', messageOf(error), { cause: error });
    }
    throw error;
  }
}

/** How a container just created looks, without asking for it. */
export function createdContainer(
  id: string,
  task: AssignedTask,
  inputs: TaskInputs,
  image: LocalImage,
): SeenContainer {
  return {
    id,
    name: task.containerName,
    taskId: task.id,
    state: 'created',
    restarts: 0,
    ports: [],
    imageId: image.id,
    command: effectiveCommand(task.spec.container, image),
    addresses: Object.fromEntries(
      inputs.networks.map(({ engineNetwork, address }) => [engineNetwork, address]),
    ),
  };
}
