import type { MountSpec } from '../../../manager/model/container.js';
import type { Json, JsonObject } from '../../../manager/model/meta.js';
import { compact } from '../decode/reader.js';
import type { Mount, Project } from '../model.js';
import { refusal } from './refuse.js';
import { toBytes } from './units.js';

export interface Mounts {
  readonly mounts: readonly MountSpec[];
  /** Mounts with settings that only the engine knows, in its words. */
  readonly engineMounts: readonly JsonObject[];
  /** `SOURCE:TARGET:OPTIONS`, for SELinux labels, which the mount objects of the API lack. */
  readonly binds: readonly string[];
}

export function toMounts(project: Project, name: string): Mounts {
  const result = {
    mounts: [] as MountSpec[],
    engineMounts: [] as JsonObject[],
    binds: [] as string[],
  };
  const service = project.services[name];
  service?.volumes?.forEach((mount, index) => {
    addMount(mount, result, { project, path: ['services', name, 'volumes', index] });
  });
  return result;
}

interface Where {
  readonly project: Project;
  readonly path: readonly (string | number)[];
}

interface Collected {
  readonly mounts: MountSpec[];
  readonly engineMounts: JsonObject[];
  readonly binds: string[];
}

function addMount(mount: Mount, result: Collected, where: Where): void {
  const readOnly = mount.read_only === true;
  switch (mount.type) {
    case 'volume':
      result.mounts.push(volumeMount(mount, readOnly, where));
      return;
    case 'bind':
      addBind(mount, readOnly, result);
      return;
    case 'tmpfs':
      result.mounts.push(
        compact<Extract<MountSpec, { type: 'tmpfs' }>>({
          type: 'tmpfs',
          target: mount.target,
          sizeBytes: toBytes(mount.tmpfs?.size),
          mode: mount.tmpfs?.mode,
          readOnly,
        }),
      );
      return;
    case 'image': {
      const options =
        mount.image?.subpath === undefined
          ? {}
          : { ImageOptions: { Subpath: mount.image.subpath } };
      result.engineMounts.push({
        Type: 'image',
        Source: mount.source ?? '',
        Target: mount.target,
        ReadOnly: true,
        ...options,
      });
      return;
    }
    default:
      throw refusal(
        where.project,
        where.path,
        `mounts of type ${mount.type} are not supported, use volume, bind, tmpfs or image`,
      );
  }
}

function volumeMount(mount: Mount, readOnly: boolean, { project, path }: Where): MountSpec {
  if (mount.volume?.labels !== undefined) {
    throw refusal(
      project,
      path,
      'labels of a mount are not supported, set them on the volume in volumes:',
    );
  }
  return compact<Extract<MountSpec, { type: 'volume' }>>({
    type: 'volume',
    source: mount.source === undefined ? undefined : project.volumes[mount.source]?.name,
    target: mount.target,
    readOnly,
    noCopy: mount.volume?.nocopy === true,
    subpath: mount.volume?.subpath,
  });
}

const recursion: Readonly<Record<string, string>> = {
  disabled: 'NonRecursive',
  writable: 'ReadOnlyNonRecursive',
  readonly: 'ReadOnlyForceRecursive',
};

function addBind(mount: Mount, readOnly: boolean, result: Collected): void {
  const { propagation, selinux, recursive } = mount.bind ?? {};
  const source = mount.source ?? '';
  if (selinux !== undefined) {
    const options = [
      readOnly ? 'ro' : 'rw',
      selinux,
      ...(propagation === undefined ? [] : [propagation]),
    ];
    result.binds.push(`${source}:${mount.target}:${options.join(',')}`);
    return;
  }
  const option = recursion[recursive ?? ''];
  if (option !== undefined) {
    const bindOptions: Record<string, Json> = { [option]: true };
    if (propagation !== undefined) bindOptions.Propagation = propagation;
    result.engineMounts.push({
      Type: 'bind',
      Source: source,
      Target: mount.target,
      ReadOnly: readOnly,
      BindOptions: bindOptions,
    });
    return;
  }
  result.mounts.push(
    compact<Extract<MountSpec, { type: 'bind' }>>({
      type: 'bind',
      source,
      target: mount.target,
      readOnly,
      createHostPath: mount.bind?.create_host_path === true,
      propagation,
    }),
  );
}
