import { posix } from 'node:path';
import { hashOf } from '../../common/base/canonical.js';
import { isFields } from '../../common/base/decode.js';
import type { MountSpec } from '../../common/model/container.js';
import type { VolumeSpec } from '../../common/model/network.js';
import type { CreateBody } from './create-body.js';
import type { MountPlan } from './mounts.js';
import { anonymousVolumeLabel } from './volume-body.js';

/** The volumes without a name that a new container gets. */
export interface AnonymousSource {
  /** Paths of the image's `VOLUME` instructions. */
  readonly imageVolumes: readonly string[];
  /** Unique for the create request: the volumes' names are derived from it. */
  readonly seed: string;
}

/**
 * Gives the anonymous volumes of a container names, so that they are volumes of the cluster: as on
 * the Docker Engine they outlive a container that is removed without its volumes. Those of a
 * container that is removed after its exit stay the engine's, which removes them with it.
 */
export function nameAnonymousVolumes(
  plan: MountPlan,
  body: Pick<CreateBody, 'HostConfig' | 'config' | 'hostConfig'>,
  { imageVolumes, seed }: AnonymousSource,
): MountPlan {
  const { AutoRemove = false, VolumesFrom = [] } = body.HostConfig ?? {};
  if (AutoRemove) return plan;
  const named: VolumeSpec[] = [];
  const name = (target: string, labels: VolumeSpec['labels']): string => {
    const volume = anonymousVolume(hashOf([seed, posix.resolve('/', target)]), labels);
    named.push(volume);
    return volume.name;
  };
  const mounts = plan.mounts.map((mount): MountSpec => {
    if (mount.type !== 'volume' || mount.source !== undefined) return mount;
    const { labels = {}, ...rest } = mount;
    return { ...rest, source: name(mount.target, labels) };
  });
  // The engine decides which of the paths below other containers' volumes cover.
  const targets = VolumesFrom.length > 0 ? [] : otherTargets(plan, body, imageVolumes);
  const more = targets.map((target): MountSpec => ({
    ...{ type: 'volume', source: name(target, {}), target, readOnly: false, noCopy: false },
  }));
  return { mounts: [...mounts, ...more], volumes: [...plan.volumes, ...named] };
}

/** Paths of `Config.Volumes` and of the image where nothing else is mounted. */
function otherTargets(
  { mounts }: MountPlan,
  { config, hostConfig }: Pick<CreateBody, 'config' | 'hostConfig'>,
  imageVolumes: readonly string[],
): readonly string[] {
  const keysOf = (value: unknown): readonly string[] => (isFields(value) ? Object.keys(value) : []);
  const absolute = (path: string): string => posix.resolve('/', path);
  const taken = new Set(
    [...mounts.map(({ target }) => target), ...keysOf(hostConfig.Tmpfs)].map(absolute),
  );
  const wanted = [...keysOf(config.Volumes), ...imageVolumes].map(absolute);
  return [...new Set(wanted)].filter((path) => path !== '/' && !taken.has(path));
}

function anonymousVolume(name: string, labels: VolumeSpec['labels']): VolumeSpec {
  return {
    ...{ name, project: '', key: name, driver: 'local', driverOpts: {}, external: false },
    labels: { ...labels, [anonymousVolumeLabel]: '' },
  };
}
