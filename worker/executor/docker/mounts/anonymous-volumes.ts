import { posix } from 'node:path';
import { object, optionalOrNull, string } from '../../../../manager/common/base/decode.js';
import type { ContainerSpec, MountSpec } from '../../../../manager/common/model/container.js';
import {
  volumesRenewedLabel,
  volumeTargetLabel,
} from '../../../../manager/common/model/container-labels.js';
import type { Labels } from '../../../../manager/common/model/meta.js';

/** A mount as the engine lists and inspects it; only volumes have a name. */
export interface VolumeMount {
  readonly Type: string;
  readonly Name?: string;
  readonly Destination: string;
}

export const volumeMount = object<VolumeMount>({
  Type: string,
  Name: optionalOrNull(string),
  Destination: string,
});

/** A container with its mounts, as `GET /containers/json` lists it. */
export interface VolumeOwner {
  readonly State: string;
  readonly Labels: Labels;
  readonly Mounts: readonly VolumeMount[];
}

/** Whether the engine chose the volume's name. */
export function isAnonymous(name: string): boolean {
  return /^[0-9a-f]{64}$/u.test(name);
}

/** Whether a mount is, or will be, an anonymous volume. */
export function isAnonymousMount(mount: MountSpec): boolean {
  return mount.type === 'volume' && (mount.source === undefined || isAnonymous(mount.source));
}

/** Paths at which anonymous volumes are mounted, sorted. */
export function anonymousTargets(mounts: readonly VolumeMount[]): readonly string[] {
  return mounts
    .filter(({ Type, Name }) => Type === 'volume' && isAnonymous(Name ?? ''))
    .map(({ Destination }) => Destination)
    .sort();
}

export interface AnonymousVolumeInput {
  readonly container: Pick<ContainerSpec, 'mounts' | 'files' | 'hostConfig' | 'volumesRenewedAt'>;
  /** Paths of the image's `VOLUME` instructions. */
  readonly imageVolumes: readonly string[];
  /** Paths of mounts that other services share with the container. */
  readonly inherited: readonly string[];
  /** Labels of a new volume, besides its path. */
  readonly labels: Labels;
  /** Former owners of the slot's volumes on this node, newest first. */
  readonly previous: readonly VolumeOwner[];
}

export interface AnonymousVolumes {
  /** The container's mounts: those of its spec and those of the image's `VOLUME` instructions. */
  readonly mounts: readonly MountSpec[];
  /** Names of the volumes that previous containers of the slot pass on. */
  readonly reused: readonly string[];
}

/**
 * Mounts the anonymous volumes of the slot's previous containers at the same paths: for each path,
 * the volume of the newest container that has one there. Containers from before the last renewal
 * pass nothing on.
 */
export function reuseAnonymousVolumes(input: AnonymousVolumeInput): AnonymousVolumes {
  const { container } = input;
  const known = volumesByTarget(input);
  const reused: string[] = [];
  const withSource = (mount: Volume): Volume => {
    const name = known.get(targetPath(mount.target));
    const { labels: own, ...rest } = mount;
    if (name === undefined) {
      const place = { [volumeTargetLabel]: targetPath(mount.target) };
      return { ...rest, labels: { ...own, ...input.labels, ...place } };
    }
    reused.push(name);
    return { ...rest, source: name };
  };
  const mounts = container.mounts.map((mount) =>
    mount.type === 'volume' && mount.source === undefined ? withSource(mount) : mount,
  );
  const fromImage = imageTargets(input).map((target) =>
    withSource({ type: 'volume', target, readOnly: false, noCopy: false }),
  );
  return { mounts: [...mounts, ...fromImage], reused };
}

type Volume = Extract<MountSpec, { readonly type: 'volume' }>;

/** Paths of `VOLUME` instructions where nothing else is mounted. */
function imageTargets({ container, imageVolumes, inherited }: AnonymousVolumeInput): string[] {
  const { mounts, files, hostConfig } = container;
  const tmpfs = hostConfig.Tmpfs;
  const taken = new Set(
    [
      ...[...mounts, ...files].map(({ target }) => target),
      ...inherited,
      ...(typeof tmpfs === 'object' && tmpfs !== null ? Object.keys(tmpfs) : []),
    ].map(targetPath),
  );
  return [...new Set(imageVolumes.map(targetPath))].filter(
    (path) => path !== '/' && !taken.has(path),
  );
}

function volumesByTarget({ container, previous }: AnonymousVolumeInput): Map<string, string> {
  const renewedAt = container.volumesRenewedAt ?? 0;
  const names = new Map<string, string>();
  for (const { State, Labels, Mounts } of previous) {
    // A label that is no number counts as older.
    const isCurrent = Number(Labels[volumesRenewedLabel] ?? 0) >= renewedAt;
    if (State === 'removing' || !isCurrent) continue;
    for (const { Type, Name, Destination } of Mounts) {
      const isVolume = Type === 'volume' && Name !== undefined && isAnonymous(Name);
      if (isVolume && !names.has(Destination)) names.set(Destination, Name);
    }
  }
  return names;
}

/** The path as the engine reports it: absolute, without `.`, `..` and a trailing slash. */
export function targetPath(target: string): string {
  return posix.resolve('/', target);
}
