import { AppError } from '../../common/base/errors.js';
import type { MountSpec } from '../../common/model/container.js';
import type { VolumeSpec } from '../../common/model/network.js';
import type { HostConfigBody, MountBody } from './create-body.js';

/** Mounts of a container and the named volumes that they need. */
export interface MountPlan {
  readonly mounts: readonly MountSpec[];
  readonly volumes: readonly VolumeSpec[];
}

/** Translates `HostConfig.Binds` and `HostConfig.Mounts`. Throws `invalid` or `unsupported`. */
export function planMounts({ Binds = [], Mounts = [] }: HostConfigBody): MountPlan {
  const volumes = new Map<string, VolumeSpec>();
  const mounts = [...Binds.map(parseBind), ...Mounts.map(toMountSpec)];
  for (const mount of mounts) {
    if (mount.type !== 'volume' || mount.source === undefined) continue;
    volumes.set(mount.source, plainVolume(mount.source));
  }
  for (const { Type, Source = '', VolumeOptions } of Mounts) {
    if (Type !== 'volume' || Source === '') continue;
    const { DriverConfig = {}, Labels = {} } = VolumeOptions ?? {};
    const driver = DriverConfig.Name ?? '';
    volumes.set(Source, {
      ...plainVolume(Source),
      ...(driver === '' ? {} : { driver }),
      driverOpts: DriverConfig.Options ?? {},
      labels: Labels,
    });
  }
  return { mounts, volumes: [...volumes.values()] };
}

export function plainVolume(name: string): VolumeSpec {
  return {
    ...{ name, project: '', key: name, driver: 'local' },
    ...{ driverOpts: {}, labels: {}, external: false },
  };
}

const propagations = new Set(['shared', 'slave', 'private', 'rshared', 'rslave', 'rprivate']);
const consistencies = new Set(['consistent', 'cached', 'delegated', 'default']);
const volumeName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/u;

/** Parses `source:target[:options]`, or a target alone for an anonymous volume. */
function parseBind(text: string): MountSpec {
  const parts = text.split(':');
  if (parts.length > 3 || parts.some((part) => part === '')) throw invalidBind(text);
  const [first = '', target = first, options = ''] = parts;
  const source = parts.length === 1 ? undefined : first;
  if (!target.startsWith('/') || target === '/') throw invalidBind(text);
  const words = options === '' ? [] : options.split(',');
  const readOnly = words.includes('ro');
  const consistency = words.find((word) => consistencies.has(word));
  const common = { target, readOnly, ...(consistency === undefined ? {} : { consistency }) };
  if (source?.startsWith('/') === true) {
    const propagation = words.find((word) => propagations.has(word));
    const selinux = words.find((word) => word === 'z' || word === 'Z');
    const known = new Set(['ro', 'rw', consistency, propagation, selinux]);
    if (words.some((word) => !known.has(word))) throw invalidBind(text);
    return {
      ...{ type: 'bind', source, createHostPath: true, ...common },
      ...(propagation === undefined ? {} : { propagation }),
      ...(selinux === undefined ? {} : { selinux }),
    };
  }
  if (source !== undefined && !volumeName.test(source)) {
    throw new AppError(
      'invalid',
      `create ${source}: "${source}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    );
  }
  const known = new Set(['ro', 'rw', 'nocopy', 'z', 'Z', consistency]);
  if (words.some((word) => !known.has(word))) throw invalidBind(text);
  return {
    ...{ type: 'volume', noCopy: words.includes('nocopy'), ...common },
    ...(source === undefined ? {} : { source }),
  };
}

function invalidBind(text: string): AppError {
  return new AppError('invalid', `invalid volume specification: '${text}'`);
}

function toMountSpec(mount: MountBody): MountSpec {
  const { Source: source = '', Target: target, ReadOnly: readOnly = false, Consistency } = mount;
  if (!target.startsWith('/')) {
    throw new AppError(
      'invalid',
      `invalid mount config for type "${mount.Type}": invalid mount path: '${target}' mount path must be absolute`,
    );
  }
  const common = {
    ...{ target, readOnly },
    ...(Consistency === undefined || Consistency === '' ? {} : { consistency: Consistency }),
  };
  switch (mount.Type) {
    case 'bind':
      return { type: 'bind', source, ...common, ...bindOptions(mount) };
    case 'volume':
      return {
        ...{ type: 'volume', ...common, noCopy: mount.VolumeOptions?.NoCopy ?? false },
        ...(source === '' ? {} : { source }),
        ...nonEmpty('subpath', mount.VolumeOptions?.Subpath),
        ...(source === '' ? { labels: mount.VolumeOptions?.Labels ?? {} } : {}),
      };
    case 'tmpfs': {
      const { SizeBytes, Mode } = mount.TmpfsOptions ?? {};
      return {
        ...{ type: 'tmpfs', ...common },
        ...(SizeBytes === undefined ? {} : { sizeBytes: SizeBytes }),
        ...(Mode === undefined ? {} : { mode: Mode }),
      };
    }
    case 'image':
      return { type: 'image', source, target, ...nonEmpty('subpath', mount.ImageOptions?.Subpath) };
    default:
      throw new AppError('unsupported', `Mounts: type ${mount.Type} is not supported`);
  }
}

function bindOptions({ BindOptions = {} }: MountBody): {
  readonly createHostPath: boolean;
  readonly propagation?: string;
  readonly recursive?: 'disabled';
} {
  return {
    createHostPath: BindOptions.CreateMountpoint ?? false,
    ...nonEmpty('propagation', BindOptions.Propagation),
    ...(BindOptions.NonRecursive === true ? { recursive: 'disabled' } : {}),
  };
}

function nonEmpty<Key extends string>(
  key: Key,
  value: string | undefined,
): { readonly [K in Key]?: string } {
  return value === undefined || value === '' ? {} : ({ [key]: value } as { [K in Key]: string });
}
