import { mkdir } from 'node:fs/promises';
import type { EngineRestart } from '../../../manager/common/model/container.js';
import type { AssignedTask } from '../../../manager/common/protocol/assignments.js';
import { AppError, isNotFound, messageOf } from '../../../manager/common/base/errors.js';
import type {
  Executor,
  ImagePull,
  ProcessTable,
  ProgressCallback,
  RunningProcess,
  ContainerCache,
  EngineVolume,
  TaskInputs,
} from '../executor.js';
import type {
  CommitOptions,
  ExecOptions,
  LogOptions,
  RegistryAuth,
  ForeignContainer,
  NodeImage,
} from '../../../manager/common/protocol/worker-calls.js';
import type { EngineClient } from './client.js';
import type { ContainerWatch } from './container-watch.js';
import {
  hasAddresses,
  createContainer,
  createdContainer,
  disconnectNetwork,
  reconnectNetworks,
  removeContainer,
  restartContainer,
  setRestartPolicy,
  shortId,
  startContainer,
  stopContainer,
} from './containers.js';
import {
  inheritMounts,
  type InheritedMounts,
  type InspectedMounts,
  type VolumesFromSource,
} from './volumes-from.js';
import { toCreateRequest } from './create-options.js';
import { attachTo, execInContainer, openLog } from './exec.js';
import type { TaskFiles } from './files.js';
import type { ImageLayers } from './image-layers.js';
import { saveWithoutLayers } from './image-layers.js';
import type { Images } from './images.js';
import {
  commitImage,
  registryDigest,
  openBuild,
  openPull,
  openPush,
  type BuildRequest,
} from './image-streams.js';
import { openArchive, putArchive, statContainerPath } from './file-streams.js';
import {
  containerLabels,
  type ContainerOwner,
} from '../../../manager/common/model/container-labels.js';
import { inspectImage, listImages } from './image-records.js';
import { listComposeContainers, removeComposeContainers } from './compose-containers.js';
import type { Volumes } from './volumes.js';

export interface DockerExecutorDependencies {
  readonly client: EngineClient;
  readonly watch: ContainerWatch;
  readonly images: Images;
  readonly layers: ImageLayers;
  readonly volumes: Volumes;
  readonly files: TaskFiles;
  readonly owner: ContainerOwner;
}

/** Executor on the machine's Docker Engine. */
export class DockerExecutor implements Executor {
  readonly #parts: DockerExecutorDependencies;

  constructor(parts: DockerExecutorDependencies) {
    this.#parts = parts;
    // Tags may have moved while the event stream was down.
    parts.watch.onSync(() => {
      parts.images.invalidate();
    });
  }

  get containers(): ContainerCache {
    return this.#parts.watch;
  }

  async prepare(
    task: AssignedTask,
    inputs: TaskInputs,
    progress: ProgressCallback,
    signal: AbortSignal,
  ): Promise<void> {
    const { images, volumes } = this.#parts;
    const spec = task.spec.container;
    await images.ensure(spec, progress, signal);
    for (const volume of inputs.volumes) await volumes.ensure(volume, signal);
    for (const mount of spec.mounts) {
      // If this fails, the engine reports the reason at the start.
      if (mount.type === 'bind' && mount.createHostPath) {
        await mkdir(mount.source, { recursive: true }).catch(() => undefined);
      }
    }
  }

  async create(task: AssignedTask, inputs: TaskInputs, signal: AbortSignal): Promise<string> {
    const { client, watch, images, files, owner } = this.#parts;
    const image = await images.find(task.spec.container.image, signal);
    if (image === undefined) {
      throw new AppError('not-found', `image ${task.spec.container.image} is missing on this node`);
    }
    await files.write(task, inputs, task.id);
    const borrowed = await this.#borrow(task, inputs, signal);
    const request = toCreateRequest({
      task,
      labels: containerLabels(task, owner, image.id, borrowed.anonymous),
      inheritedMounts: borrowed.mounts,
      attachments: inputs.networks,
      files: await files.plan(task, inputs, task.id),
      ...(inputs.leaders === undefined ? {} : { leaders: inputs.leaders }),
      apiMinor: client.apiMinor,
    });
    try {
      const id = await createContainer(client, watch, request, signal);
      watch.noteCreated({
        ...createdContainer(id, task, inputs, image),
        inheritedVolumes: borrowed.anonymous,
      });
      return id;
    } catch (error) {
      if (isNotFound(error)) images.invalidate(task.spec.container.image);
      throw error;
    }
  }

  async #borrow(
    task: AssignedTask,
    inputs: TaskInputs,
    signal: AbortSignal,
  ): Promise<InheritedMounts> {
    const { container } = task.spec;
    const lenders: VolumesFromSource[] = [];
    for (const { service, readOnly } of container.volumesFrom ?? []) {
      const id = inputs.leaders?.get(service);
      if (id === undefined) {
        throw new AppError('unavailable', `service ${service} has no container on this node`);
      }
      const inspected = (await this.inspect(id, signal)) as InspectedMounts;
      lenders.push({ inspected, readOnly });
    }
    return inheritMounts(container, lenders, this.#parts.files.folders);
  }

  async start(
    containerId: string,
    task: AssignedTask,
    inputs: TaskInputs,
    signal: AbortSignal,
  ): Promise<void> {
    const { client, watch, files } = this.#parts;
    const seen = watch.get(containerId);
    if (seen !== undefined && seen.state !== 'created') {
      await files.write(task, inputs, seen.taskId);
      if (!hasAddresses(seen, inputs.networks))
        await reconnectNetworks(client, seen, inputs.networks, signal);
    }
    const expected = {
      inspect: task.spec.ports.length > 0,
      health: await this.#hasHealthcheck(task, signal),
    };
    await watch.whileStarting(containerId, expected, async () => {
      try {
        await startContainer(client, containerId, signal);
      } catch (error) {
        // A recreated network has the same name and another id.
        if (seen === undefined || !/network .* not found/u.test(messageOf(error))) throw error;
        await reconnectNetworks(client, seen, inputs.networks, signal);
        await startContainer(client, containerId, signal);
      }
    });
  }

  async #hasHealthcheck(task: AssignedTask, signal: AbortSignal): Promise<boolean> {
    const test = task.spec.container.healthcheck?.test;
    if (test !== undefined) return test[0] !== 'NONE';
    const image = await this.#parts.images.find(task.spec.container.image, signal);
    return image?.hasHealthcheck ?? false;
  }

  async stop(containerId: string, graceMs: number, signal: AbortSignal): Promise<void> {
    await stopContainer(this.#parts.client, containerId, graceMs, signal);
    await this.#parts.watch.inspect(containerId);
  }

  async remove(containerId: string, signal: AbortSignal): Promise<void> {
    const { client, watch, files } = this.#parts;
    const seen = watch.get(containerId);
    await removeContainer(client, containerId, signal);
    if (seen !== undefined) await files.remove(seen.taskId);
    for (const name of seen?.inheritedVolumes ?? []) {
      // The volume is still in use by another container, or already removed.
      await this.#parts.volumes.remove(name, signal).catch(() => undefined);
    }
    watch.noteRemoved(containerId);
  }

  async isolate(containerId: string, signal: AbortSignal): Promise<void> {
    const { client, watch } = this.#parts;
    const networks = Object.keys(watch.get(containerId)?.addresses ?? {});
    for (const network of networks) await disconnectNetwork(client, containerId, network, signal);
  }

  async restart(containerId: string, graceMs: number, signal: AbortSignal): Promise<void> {
    await restartContainer(this.#parts.client, containerId, graceMs, signal);
    await this.#parts.watch.inspect(containerId);
  }

  setRestart(containerId: string, restart: EngineRestart, signal: AbortSignal): Promise<void> {
    return setRestartPolicy(this.#parts.client, containerId, restart, signal);
  }

  async kill(containerId: string, killSignal: string, signal: AbortSignal): Promise<void> {
    await this.#parts.client.call(
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
    await this.#parts.client.call(
      `${to} container ${shortId(containerId)}`,
      (docker, abortSignal) =>
        docker.getContainer(containerId)[to]({ abortSignal }) as Promise<unknown>,
      signal,
      15_000,
    );
  }

  async top(containerId: string, psArgs: string, signal: AbortSignal): Promise<ProcessTable> {
    const seen = await this.#parts.client.call(
      `list processes of container ${shortId(containerId)}`,
      (docker, abortSignal) =>
        docker.getContainer(containerId).top({ ps_args: psArgs, abortSignal }) as Promise<{
          Titles: string[];
          Processes: string[][] | null;
        }>,
      signal,
      15_000,
    );
    return { titles: seen.Titles, processes: seen.Processes ?? [] };
  }

  async inspect(containerId: string, signal: AbortSignal): Promise<unknown> {
    return await this.#parts.client.call(
      `inspect container ${shortId(containerId)}`,
      (docker, abortSignal) => docker.getContainer(containerId).inspect({ abortSignal }),
      signal,
      15_000,
    );
  }

  async listVolumes(signal: AbortSignal): Promise<readonly EngineVolume[]> {
    return await this.#parts.volumes.list(signal);
  }

  async removeVolume(name: string, signal: AbortSignal): Promise<void> {
    await this.#parts.volumes.remove(name, signal);
  }

  async logs(
    containerId: string,
    options: LogOptions,
    signal: AbortSignal,
  ): Promise<{ stream: NodeJS.ReadableStream; tty: boolean }> {
    return await openLog(this.#parts.client, containerId, options, signal);
  }

  async stats(containerId: string, signal: AbortSignal): Promise<NodeJS.ReadableStream> {
    const operation = `read statistics of container ${shortId(containerId)}`;
    const path = `/containers/${containerId}/stats`;
    return await this.#parts.client.stream(operation, path, { stream: true }, signal);
  }

  async exec(
    containerId: string,
    options: ExecOptions,
    signal: AbortSignal,
  ): Promise<RunningProcess> {
    return await execInContainer(this.#parts.client, containerId, options, signal);
  }

  async attach(
    containerId: string,
    options: { readonly stdin: boolean; readonly replay?: boolean },
    signal: AbortSignal,
  ): Promise<RunningProcess> {
    return await attachTo(this.#parts.client, containerId, options, signal);
  }

  async listComposeContainers(
    project: string,
    signal: AbortSignal,
  ): Promise<readonly ForeignContainer[]> {
    return await listComposeContainers(this.#parts.client, project, signal);
  }

  async removeComposeContainers(
    project: string,
    configFiles: string,
    signal: AbortSignal,
  ): Promise<void> {
    await removeComposeContainers(this.#parts.client, project, configFiles, signal);
  }

  async commit(containerId: string, options: CommitOptions, signal: AbortSignal): Promise<string> {
    const id = await commitImage(this.#parts.client, containerId, options, signal);
    this.#parts.images.invalidate();
    return id;
  }

  async findImage(image: string, signal: AbortSignal): Promise<NodeImage | undefined> {
    return await this.#parts.images.inspect(image, signal);
  }

  async fetchImage(
    image: string,
    platform: string | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#parts.images.fetch(image, platform, signal);
  }

  async removeImage(image: string, signal: AbortSignal): Promise<boolean> {
    return await this.#parts.images.remove(image, signal);
  }

  async pullImage(pull: ImagePull, signal: AbortSignal): Promise<NodeJS.ReadableStream> {
    this.#parts.images.invalidate(pull.image);
    return await openPull(this.#parts.client, pull, signal);
  }

  async pushImage(
    image: string,
    auth: RegistryAuth | undefined,
    signal: AbortSignal,
  ): Promise<NodeJS.ReadableStream> {
    return await openPush(this.#parts.client, image, auth, signal);
  }

  async buildImage(
    context: NodeJS.ReadableStream,
    request: BuildRequest,
    signal: AbortSignal,
  ): Promise<NodeJS.ReadableStream> {
    return await openBuild(this.#parts.client, context, request, signal);
  }

  readonly readArchive: Executor['readArchive'] = (containerId, path, signal) =>
    openArchive(this.#parts.client, containerId, path, signal);

  readonly statPath: Executor['statPath'] = (containerId, path, signal) =>
    statContainerPath(this.#parts.client, containerId, path, signal);

  readonly writeArchive: Executor['writeArchive'] = (containerId, path, archive, signal) =>
    putArchive(this.#parts.client, containerId, { path, archive }, signal);

  readonly listImages: Executor['listImages'] = (signal) => listImages(this.#parts.client, signal);

  readonly inspectImage: Executor['inspectImage'] = (image, signal) =>
    inspectImage(this.#parts.client, image, signal);

  /** Invalidates the image cache: a build or pull may have moved tags. */
  invalidateImages(): void {
    this.#parts.images.invalidate();
  }

  readonly resolveImage: Executor['resolveImage'] = (image, auth, signal) =>
    registryDigest(this.#parts.client, image, auth, signal);

  readonly knownLayers: Executor['knownLayers'] = (layers, signal) =>
    this.#parts.layers.known(layers, signal);

  readonly saveImage: Executor['saveImage'] = (image, withoutLayers, signal) =>
    saveWithoutLayers(() => this.#parts.images.save(image, signal), withoutLayers);

  async loadImage(archive: NodeJS.ReadableStream, signal: AbortSignal): Promise<void> {
    await this.#parts.images.load(archive, signal);
  }
}
