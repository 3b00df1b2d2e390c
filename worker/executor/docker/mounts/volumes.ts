import {
  array,
  mapped,
  nonEmptyString,
  object,
  orElse,
  string,
} from '../../../../manager/common/base/decode.js';
import { AppError, isNotFound } from '../../../../manager/common/base/errors.js';
import type { VolumeSpec } from '../../../../manager/common/model/network.js';
import type { EngineVolume, VolumeStore } from '../../executor.js';
import { isAnonymous } from './anonymous-volumes.js';
import { decoded, type EngineClient } from '../client.js';
import {
  clusterLabel,
  type ContainerOwner,
} from '../../../../manager/common/model/container-labels.js';

interface ListedVolume {
  readonly Name: string;
  readonly Mountpoint: string;
}

const listedVolumes = mapped(
  object<{ readonly Volumes: readonly ListedVolume[] }>({
    Volumes: orElse(
      array(object<ListedVolume>({ Name: nonEmptyString, Mountpoint: orElse(string, '') })),
      [],
    ),
  }),
  ({ Volumes }) => Volumes,
);

/** Named volumes on this node. */
export class Volumes implements VolumeStore {
  readonly #client: EngineClient;
  readonly #owner: ContainerOwner;
  readonly #nodeName: string;

  constructor(client: EngineClient, owner: ContainerOwner, nodeName: string) {
    this.#client = client;
    this.#owner = owner;
    this.#nodeName = nodeName;
  }

  /** Creates the volume if it does not exist. An external volume must exist. */
  async ensure(spec: VolumeSpec, signal: AbortSignal): Promise<void> {
    if (spec.external) {
      await this.#mustExist(spec.name, signal);
      return;
    }
    await this.#client.call(
      `create volume ${spec.name}`,
      (docker, abortSignal) =>
        docker.createVolume({
          Name: spec.name,
          Driver: spec.driver === '' ? 'local' : spec.driver,
          DriverOpts: { ...spec.driverOpts },
          Labels: {
            'com.docker.compose.project': spec.project,
            'com.docker.compose.volume': spec.key,
            ...spec.labels,
            [clusterLabel]: this.#owner.clusterId,
          },
          abortSignal,
        }),
      signal,
    );
  }

  async #mustExist(name: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#client.call(
        `inspect volume ${name}`,
        (docker, abortSignal) => docker.getVolume(name).inspect({ abortSignal }),
        signal,
      );
    } catch (error) {
      if (!isNotFound(error)) throw error;
      throw new AppError(
        'not-found',
        `volume ${name} is external and does not exist on node ${this.#nodeName}; create it there first`,
      );
    }
  }

  /** Lists named volumes. */
  async list(signal: AbortSignal): Promise<readonly EngineVolume[]> {
    const volumes = await this.#client.call(
      'list volumes',
      decoded(listedVolumes, (docker, abortSignal) => docker.listVolumes({ abortSignal })),
      signal,
    );
    return volumes
      .filter((volume) => !isAnonymous(volume.Name))
      .map((volume) => ({ name: volume.Name, mountpoint: volume.Mountpoint }));
  }

  async remove(name: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#client.call(
        `remove volume ${name}`,
        (docker, abortSignal) => docker.getVolume(name).remove({ abortSignal }),
        signal,
      );
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** Removes all volumes that this cluster created on this node. */
  async removeAll(signal: AbortSignal): Promise<void> {
    const filters = { label: [`${clusterLabel}=${this.#owner.clusterId}`] };
    const ours = await this.#client.call(
      'list volumes',
      decoded(listedVolumes, (docker, abortSignal) => docker.listVolumes({ filters, abortSignal })),
      signal,
    );
    for (const volume of ours) await this.remove(volume.Name, signal);
  }
}
