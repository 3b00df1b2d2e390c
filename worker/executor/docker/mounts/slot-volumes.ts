import {
  array,
  dictionary,
  mapped,
  nonEmptyString,
  object,
  orElse,
  string,
} from '../../../../manager/common/base/decode.js';
import { isConflict, isNotFound } from '../../../../manager/common/base/errors.js';
import type { MountSpec } from '../../../../manager/common/model/container.js';
import {
  clusterLabel,
  serviceLabel,
  slotLabel,
  volumesRenewedLabel,
  volumeTargetLabel,
  type ContainerOwner,
} from '../../../../manager/common/model/container-labels.js';
import type { Labels } from '../../../../manager/common/model/meta.js';
import type { AssignedTask } from '../../../../manager/common/protocol/assignments.js';
import {
  isAnonymousMount,
  reuseAnonymousVolumes,
  volumeMount,
  type AnonymousVolumes,
  type VolumeOwner,
} from './anonymous-volumes.js';
import { decoded, type EngineClient } from '../client.js';

/** Services and slots whose anonymous volumes are still needed on this node. */
export type NeededSlots = (serviceId: string, slot: string) => boolean;

const listedContainers = array(
  object<VolumeOwner>({
    State: orElse(string, ''),
    Labels: orElse(dictionary(string), {}),
    Mounts: orElse(array(volumeMount), []),
  }),
);

interface UnusedVolume {
  readonly Name: string;
  readonly CreatedAt: string;
  readonly Labels: Labels;
}

const listedVolumes = mapped(
  object<{ readonly Volumes: readonly UnusedVolume[] }>({
    Volumes: orElse(
      array(
        object<UnusedVolume>({
          Name: nonEmptyString,
          CreatedAt: orElse(string, ''),
          Labels: orElse(dictionary(string), {}),
        }),
      ),
      [],
    ),
  }),
  ({ Volumes }) => Volumes,
);

/**
 * Anonymous volumes of slots on this node. Labels say to which slot and path a volume belongs, so
 * that it is found even if its container was removed by hand or the worker was killed meanwhile.
 */
export class SlotVolumes {
  readonly #client: EngineClient;
  readonly #owner: Pick<ContainerOwner, 'clusterId'>;
  /** The removal in progress. */
  #removal: Promise<void> = Promise.resolve();

  constructor(client: EngineClient, owner: Pick<ContainerOwner, 'clusterId'>) {
    this.#client = client;
    this.#owner = owner;
  }

  /**
   * The mounts of a new container: with the anonymous volumes that the slot has, and new ones for
   * other paths. `inherited` are paths of mounts that other services share with it.
   */
  async mountsFor(
    task: AssignedTask,
    imageVolumes: readonly string[],
    inherited: readonly string[],
    signal: AbortSignal,
  ): Promise<AnonymousVolumes> {
    const { container } = task.spec;
    const { volumesRenewedAt } = container;
    const slot = { [serviceLabel]: task.serviceId, [slotLabel]: String(task.slot) };
    const labels = {
      ...slot,
      [clusterLabel]: this.#owner.clusterId,
      ...(volumesRenewedAt === undefined
        ? {}
        : { [volumesRenewedLabel]: String(volumesRenewedAt) }),
    };
    const input = { container, imageVolumes, inherited, labels };
    const fresh = reuseAnonymousVolumes({ ...input, previous: [] });
    if (!fresh.mounts.some(isAnonymousMount)) return fresh;
    // It began before the task arrived: its volume must not be planned for.
    await this.#removal;
    const containers = await this.#containers(slot, signal);
    const planned = reuseAnonymousVolumes({ ...input, previous: containers });
    if (!planned.mounts.some(isNewVolume)) return planned;
    const unused = await this.#unused(slot, signal);
    return reuseAnonymousVolumes({ ...input, previous: [...containers, ...unused.map(asOwner)] });
  }

  /** Removes the volumes of slots that are no longer needed and that no container has. */
  async removeUnused(isNeeded: NeededSlots, signal: AbortSignal): Promise<void> {
    for (const { Name, Labels } of await this.#unused({}, signal)) {
      const { [serviceLabel]: service, [slotLabel]: slot, [volumeTargetLabel]: target } = Labels;
      if (service === undefined || slot === undefined || target === undefined) continue;
      // From here to the request nothing is awaited: a task that arrives later waits for the removal.
      if (isNeeded(service, slot)) continue;
      const removing = this.#remove(Name, signal);
      this.#removal = removing.catch(() => undefined);
      await removing;
    }
  }

  async #remove(name: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#client.call(
        `remove volume ${name.slice(0, 12)}`,
        (docker, abortSignal) => docker.getVolume(name).remove({ abortSignal }),
        signal,
      );
    } catch (error) {
      // A container has it by now.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  /** The slot's containers, newest first. */
  async #containers(slot: Labels, signal: AbortSignal): Promise<readonly VolumeOwner[]> {
    const filters = JSON.stringify({ label: this.#labelFilter(slot) });
    return await this.#client.call(
      'list containers',
      decoded(listedContainers, (docker, abortSignal) =>
        docker.listContainers({ all: true, filters, abortSignal }),
      ),
      signal,
    );
  }

  /** Volumes with these labels that no container has, newest first. */
  async #unused(slot: Labels, signal: AbortSignal): Promise<readonly UnusedVolume[]> {
    const filters = { label: this.#labelFilter(slot), dangling: ['true'] };
    const volumes = await this.#client.call(
      'list volumes',
      decoded(listedVolumes, (docker, abortSignal) => docker.listVolumes({ filters, abortSignal })),
      signal,
    );
    return [...volumes].sort((a, b) => Date.parse(b.CreatedAt) - Date.parse(a.CreatedAt) || 0);
  }

  #labelFilter(slot: Labels): string[] {
    const labels = { [clusterLabel]: this.#owner.clusterId, ...slot };
    return Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  }
}

function isNewVolume(mount: MountSpec): boolean {
  return mount.type === 'volume' && mount.source === undefined;
}

/** An unused volume as the container that it was made for. */
function asOwner({ Name, Labels }: UnusedVolume): VolumeOwner {
  const { [volumeTargetLabel]: target } = Labels;
  const Mounts = target === undefined ? [] : [{ Type: 'volume', Name, Destination: target }];
  return { State: 'exited', Labels, Mounts };
}
