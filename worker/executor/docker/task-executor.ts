import { decode } from '../../../manager/common/base/decode.js';
import { AppError, isNotFound, messageOf } from '../../../manager/common/base/errors.js';
import type { EngineRestart, MountSpec } from '../../../manager/common/model/container.js';
import {
  containerLabels,
  type ContainerOwner,
} from '../../../manager/common/model/container-labels.js';
import { runReference } from '../../../manager/common/model/trust/image-record.js';
import type { NodeTemplateContext } from '../../../manager/common/model/template.js';
import { expandForNode } from '../../../manager/common/model/template.js';
import type { AssignedTask } from '../../../manager/common/protocol/assignments.js';
import type { ObservedContainer, ProgressCallback, TaskExecutor, TaskInputs } from '../executor.js';
import { isAnonymousMount, targetPath } from './mounts/anonymous-volumes.js';
import type { EngineClient } from './client.js';
import type { ContainerWatch } from './container-watch.js';
import {
  changeNetworks,
  hasAddresses,
  createContainer,
  createdContainer,
  disconnectNetwork,
  inspectContainer,
  reconnectNetworks,
  removeContainer,
  setRestartPolicy,
  startContainer,
  stopContainer,
} from './containers.js';
import { toCreateRequest } from './create-options.js';
import { MountConfinement } from './mounts/mount-confinement.js';
import { needsUserDatabase, resolveOwner, type FileOwner } from './file-owner.js';
import { readSmallFile } from './file-streams.js';
import type { TaskFiles } from './files.js';
import type { Images } from './images/images.js';
import type { SlotVolumes } from './mounts/slot-volumes.js';
import type { Volumes } from './mounts/volumes.js';
import {
  inheritMounts,
  type InheritedMounts,
  inspectedMounts,
  type VolumesFromSource,
} from './mounts/volumes-from.js';

export interface TaskExecutorDependencies {
  readonly client: EngineClient;
  readonly watch: ContainerWatch;
  readonly images: Images;
  readonly volumes: Volumes;
  readonly slotVolumes: SlotVolumes;
  readonly files: TaskFiles;
  readonly owner: ContainerOwner;
  /** This node, for templates. */
  readonly node: NodeTemplateContext;
}

/** The containers of tasks on the machine's Docker Engine. */
export class DockerTaskExecutor implements TaskExecutor {
  readonly #parts: TaskExecutorDependencies;
  readonly #confinement: MountConfinement;

  constructor(parts: TaskExecutorDependencies) {
    this.#parts = parts;
    this.#confinement = new MountConfinement(parts.client);
  }

  async prepare(
    task: AssignedTask,
    inputs: TaskInputs,
    progress: ProgressCallback,
    signal: AbortSignal,
  ): Promise<void> {
    const { images, volumes } = this.#parts;
    const spec = task.spec.container;
    await images.ensure(spec, task.imageId, progress, signal);
    for (const volume of inputs.volumes) await volumes.ensure(volume, signal);
  }

  async create(assigned: AssignedTask, inputs: TaskInputs, signal: AbortSignal): Promise<string> {
    const task = this.#filledIn(assigned);
    const { client, watch, images, files, owner, slotVolumes } = this.#parts;
    const { container } = task.spec;
    const image = await images.findFor(container, task.imageId, signal);
    if (image === undefined) {
      throw new AppError('not-found', `image ${runReference(container)} is missing on this node`);
    }
    await files.write(task, inputs, task.id);
    const inherited = await this.#inherit(task, inputs, signal);
    const { mounts, reused } = await slotVolumes.mountsFor(
      task,
      image.volumes,
      inherited.targets,
      signal,
    );
    const borrowed = [...inherited.anonymous, ...reused];
    const own = {
      task: withMounts(task, mounts),
      inheritedMounts: inherited.mounts,
      attachments: inputs.networks,
      files: await files.plan(task, inputs, task.id),
      ...(inputs.leaders === undefined ? {} : { leaders: inputs.leaders }),
      imageReference: image.reference,
      apiMinor: client.apiMinor,
    };
    const confined = {
      confinedTo: container.confinedTo ?? [],
      ...{ mounts, inherited: inherited.mounts },
      hasVolumeOptions: inputs.volumes.some(({ driverOpts }) => driverOpts.device !== undefined),
      labels: containerLabels(task, owner, image.id, borrowed),
    };
    try {
      const id = await this.#confinement.run(
        confined,
        (labels) => createContainer(client, watch, toCreateRequest({ ...own, labels }), signal),
        signal,
      );
      watch.noteCreated({
        ...createdContainer(id, task, inputs, image),
        ...(borrowed.length === 0 ? {} : { inheritedVolumes: borrowed }),
        ...anonymousOf(mounts, inherited),
      });
      return id;
    } catch (error) {
      if (isNotFound(error)) images.invalidate();
      throw error;
    }
  }

  /** The task with the templates that concern its node filled in. */
  #filledIn(task: AssignedTask): AssignedTask {
    const container = expandForNode(task.spec.container, this.#parts.node);
    return { ...task, spec: { ...task.spec, container } };
  }

  async #inherit(
    task: AssignedTask,
    inputs: TaskInputs,
    signal: AbortSignal,
  ): Promise<InheritedMounts> {
    const { client } = this.#parts;
    const { container } = task.spec;
    const lenders: VolumesFromSource[] = [];
    for (const { service, readOnly } of container.volumesFrom ?? []) {
      const id = inputs.leaders?.get(service);
      if (id === undefined) {
        throw new AppError('unavailable', `service ${service} has no container on this node`);
      }
      const record = await inspectContainer(client, id, signal);
      const inspected = decode(record, inspectedMounts, `inspect container ${id.slice(0, 12)}`);
      lenders.push({ inspected, readOnly });
    }
    return inheritMounts(container, lenders, this.#parts.files.folders);
  }

  async connect(
    containerId: string,
    task: AssignedTask,
    inputs: TaskInputs,
    signal: AbortSignal,
  ): Promise<void> {
    const { client, watch, files } = this.#parts;
    // An earlier attempt may have joined some of them.
    await watch.inspect(containerId);
    const seen = watch.get(containerId);
    if (seen === undefined) return;
    await changeNetworks(client, seen, inputs.networks, signal);
    await files.repoint(task, inputs, seen.taskId);
    await watch.inspect(containerId);
    const changed = watch.get(containerId);
    // For example a network that was removed from the engine: a failure is retried after a back-off.
    if (changed !== undefined && !hasAddresses(changed, inputs.networks)) {
      const networks = Object.keys(changed.addresses).join(', ') || 'none';
      throw new AppError(
        'unavailable',
        `container ${changed.name}: its networks are ${networks} after the change; retrying`,
      );
    }
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
    const owner = await this.#fileOwner(containerId, task, signal);
    if (owner !== undefined) await files.write(task, inputs, seen?.taskId ?? task.id, owner);
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

  /** Owner of secrets and configs without an id of their own; undefined if there are none. */
  async #fileOwner(
    containerId: string,
    task: AssignedTask,
    signal: AbortSignal,
  ): Promise<FileOwner | undefined> {
    const { client, images } = this.#parts;
    const { files, config, image } = task.spec.container;
    if (files.every(({ uid, gid }) => uid !== '' && gid !== '')) return undefined;
    const set = config.User;
    const user =
      typeof set === 'string' && set !== ''
        ? set
        : ((await images.find(image, signal))?.user ?? '');
    if (!needsUserDatabase(user)) return resolveOwner(user, { passwd: '', group: '' });
    const [passwd, group] = await Promise.all([
      readSmallFile(client, containerId, '/etc/passwd', signal),
      readSmallFile(client, containerId, '/etc/group', signal),
    ]);
    return resolveOwner(user, { passwd, group });
  }

  async #hasHealthcheck(task: AssignedTask, signal: AbortSignal): Promise<boolean> {
    const test = task.spec.container.healthcheck?.test;
    if (test !== undefined) return test[0] !== 'NONE';
    const { container } = task.spec;
    const image = await this.#parts.images.findFor(container, task.imageId, signal);
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

  setRestart(containerId: string, restart: EngineRestart, signal: AbortSignal): Promise<void> {
    return setRestartPolicy(this.#parts.client, containerId, restart, signal);
  }
}

function withMounts(task: AssignedTask, mounts: readonly MountSpec[]): AssignedTask {
  return { ...task, spec: { ...task.spec, container: { ...task.spec.container, mounts } } };
}

/** Paths of anonymous volumes, as a later inspection shows them. */
function anonymousOf(
  mounts: readonly MountSpec[],
  inherited: InheritedMounts,
): Pick<ObservedContainer, 'anonymousVolumes'> {
  const own = mounts.filter(isAnonymousMount).map(({ target }) => targetPath(target));
  const all = [...own, ...inherited.anonymousTargets].sort();
  return all.length === 0 ? {} : { anonymousVolumes: all };
}
