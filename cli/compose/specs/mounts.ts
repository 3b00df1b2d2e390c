import type { MountSpec } from '../../../manager/common/model/container.js';
import { omitUndefined } from '../decode/reader.js';
import type { Mount, Project } from '../model.js';
import { specError } from './spec-error.js';
import { toBytes } from './units.js';

type Of<Type extends MountSpec['type']> = Extract<MountSpec, { type: Type }>;

export function toMounts(project: Project, name: string): readonly MountSpec[] {
  return (project.services[name]?.volumes ?? []).map((mount, index) =>
    toMount(mount, project, ['services', name, 'volumes', index]),
  );
}

function toMount(mount: Mount, project: Project, path: readonly (string | number)[]): MountSpec {
  const { target, consistency } = mount;
  const readOnly = mount.read_only === true;
  switch (mount.type) {
    case 'volume':
      return omitUndefined<Of<'volume'>>({
        type: 'volume',
        source: mount.source === undefined ? undefined : project.volumes[mount.source]?.name,
        target,
        readOnly,
        noCopy: mount.volume?.nocopy === true,
        subpath: mount.volume?.subpath,
        labels: mount.volume?.labels,
        consistency,
      });
    case 'bind':
      return toBind(mount);
    case 'tmpfs':
      return omitUndefined<Of<'tmpfs'>>({
        type: 'tmpfs',
        target,
        sizeBytes: toBytes(mount.tmpfs?.size),
        mode: mount.tmpfs?.mode,
        readOnly,
        consistency,
      });
    case 'image':
      return omitUndefined<Of<'image'>>({
        type: 'image',
        source: mount.source ?? '',
        target,
        subpath: mount.image?.subpath,
      });
    default:
      throw specError(
        project,
        path,
        `mounts of type ${mount.type} are not supported; use volume, bind, tmpfs or image`,
      );
  }
}

function toBind(mount: Mount): MountSpec {
  const { propagation, selinux, recursive, create_host_path: createHostPath } = mount.bind ?? {};
  return omitUndefined<Of<'bind'>>({
    type: 'bind',
    source: mount.source ?? '',
    target: mount.target,
    readOnly: mount.read_only === true,
    createHostPath: createHostPath === true,
    propagation,
    selinux,
    recursive: recursive === 'enabled' ? undefined : (recursive as Of<'bind'>['recursive']),
    consistency: mount.consistency,
  });
}
