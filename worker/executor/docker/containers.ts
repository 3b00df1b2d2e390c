import { nonEmptyString, object } from '../../../manager/common/base/decode.js';
import {
  AppError,
  isConflict,
  isNotFound,
  messageOf,
} from '../../../manager/common/base/errors.js';
import type { EngineRestart } from '../../../manager/common/model/container.js';
import type { AssignedTask } from '../../../manager/common/protocol/assignments.js';
import type { EngineAttachment, ObservedContainer, TaskInputs } from '../executor.js';
import { effectiveCommand, type LocalImage } from './images/local-image.js';
import { decoded, type EngineClient } from './client.js';
import type { ContainerWatch } from './container-watch.js';
import { endpointConfig, type CreateRequest } from './create-options.js';

const slowMs = 120_000;

const createdId = object<{ readonly id: string }>({ id: nonEmptyString });

export function shortId(containerId: string): string {
  return containerId.slice(0, 12);
}

/** Creates a container and connects its other networks; removes the container if that fails. */
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
    decoded(createdId, (docker, abortSignal) =>
      // Without the split dockerode would also send the body as query parameters.
      docker.createContainer({ _query: query, _body: body, abortSignal } as object),
    ),
    signal,
    slowMs,
  );
  try {
    for (const attachment of request.joinLater)
      await connectNetwork(client, id, attachment, signal);
  } catch (error) {
    await removeContainer(client, id, AbortSignal.timeout(slowMs)).catch(() => undefined);
    throw error;
  }
  return id;
}

/** Renames the previous container of the slot, which exists until its task is forgotten. */
async function freeName(
  client: EngineClient,
  watch: ContainerWatch,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  for (const other of [...watch.all()]) {
    if (other.name !== name) continue;
    const newName = `${shortId(other.id)}_${name}`;
    try {
      await client.call(
        `rename container ${name}`,
        (docker, abortSignal) =>
          docker.getContainer(other.id).rename({ name: newName, abortSignal }) as Promise<unknown>,
        signal,
      );
      watch.noteRenamed(other.id, newName);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

async function connectNetwork(
  client: EngineClient,
  containerId: string,
  attachment: EngineAttachment,
  signal: AbortSignal,
): Promise<void> {
  const { engineNetwork } = attachment;
  await client.call(
    `connect container ${shortId(containerId)} to network ${engineNetwork}`,
    (docker, abortSignal) =>
      docker.getNetwork(engineNetwork).connect({
        Container: containerId,
        EndpointConfig: endpointConfig(attachment, client.apiMinor),
        abortSignal,
      } as object) as Promise<unknown>,
    signal,
  );
}

export async function disconnectNetwork(
  client: EngineClient,
  containerId: string,
  engineNetwork: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    await client.call(
      `disconnect container ${shortId(containerId)} from network ${engineNetwork}`,
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

/** Makes a container leave the networks that it should not have and join those that it lacks. */
export async function changeNetworks(
  client: EngineClient,
  container: ObservedContainer,
  attachments: readonly EngineAttachment[],
  signal: AbortSignal,
): Promise<void> {
  const isPresent = (wanted: EngineAttachment): boolean =>
    container.addresses[wanted.engineNetwork] === wanted.address;
  const kept = new Set(attachments.filter(isPresent).map(({ engineNetwork }) => engineNetwork));
  for (const network of Object.keys(container.addresses)) {
    if (!kept.has(network)) await disconnectNetwork(client, container.id, network, signal);
  }
  for (const attachment of attachments) {
    if (!isPresent(attachment)) await connectNetwork(client, container.id, attachment, signal);
  }
}

/** Reconnects a stopped container to exactly these networks with these addresses. */
export async function reconnectNetworks(
  client: EngineClient,
  container: ObservedContainer,
  attachments: readonly EngineAttachment[],
  signal: AbortSignal,
): Promise<void> {
  for (const network of Object.keys(container.addresses)) {
    await disconnectNetwork(client, container.id, network, signal);
  }
  for (const attachment of attachments)
    await connectNetwork(client, container.id, attachment, signal);
}

export function hasAddresses(
  container: ObservedContainer,
  attachments: readonly EngineAttachment[],
): boolean {
  return (
    Object.keys(container.addresses).length === attachments.length &&
    attachments.every((wanted) => container.addresses[wanted.engineNetwork] === wanted.address)
  );
}

/** The engine's record of a container. */
export async function inspectContainer(
  client: EngineClient,
  containerId: string,
  signal: AbortSignal,
): Promise<unknown> {
  return await client.call(
    `inspect container ${shortId(containerId)}`,
    (docker, abortSignal) => docker.getContainer(containerId).inspect({ abortSignal }),
    signal,
    15_000,
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

/** Updates the restart policy of an existing container. Succeeds if it is gone. */
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

/** Force-removes a container with its anonymous volumes. Succeeds if it is gone. */
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
    // A removal is already in progress; a retry finds it gone.
    if (isConflict(error)) {
      throw new AppError('unavailable', messageOf(error), { cause: error });
    }
    throw error;
  }
}

/** The observed state of a newly created container, without an inspection. */
export function createdContainer(
  id: string,
  task: AssignedTask,
  inputs: TaskInputs,
  image: LocalImage,
): ObservedContainer {
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
