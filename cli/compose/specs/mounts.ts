import type { MountSpec } from '../../../manager/common/model/container.js';
import { compact } from '../decode/reader.js';
import type { Mount, Project } from '../model.js';
import { refusal } from './refuse.js';
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
      return compact<Of<'volume'>>({
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
      return compact<Of<'tmpfs'>>({
        type: 'tmpfs',
        target,
        sizeBytes: toBytes(mount.tmpfs?.size),
        mode: mount.tmpfs?.mode,
        readOnly,
        consistency,
      });
    case 'image':
      return compact<Of<'image'>>({
        type: 'image',
        source: mount.source ?? '',
        target,
        subpath: mount.image?.subpath,
      });
    default:
      throw refusal(
        project,
        path,
        `mounts of type ${mount.type} are not supported; use volume, bind, tmpfs or image`,
      );
  }
}

function toBind(mount: Mount): MountSpec {
  const { propagation, selinux, recursive, create_host_path: createHostPath } = mount.bind ?? {};
  return compact<Of<'bind'>>({
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
