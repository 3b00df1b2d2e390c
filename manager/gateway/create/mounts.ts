import { AppError } from '../../common/base/errors.js';
import type { MountSpec } from '../../common/model/container.js';
import type { VolumeSpec } from '../../common/model/network.js';
import type { HostConfigBody, MountBody } from './create-body.js';
import { requireVolumeName } from './volume-body.js';

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
  for (const mount of Mounts) {
    const { Type, Source = '' } = mount;
    if (Type === 'volume' && Source !== '') volumes.set(Source, toVolumeSpec(Source, mount));
  }
  return { mounts, volumes: [...volumes.values()] };
}

function toVolumeSpec(name: string, { VolumeOptions = {} }: MountBody): VolumeSpec {
  const { DriverConfig = {}, Labels = {} } = VolumeOptions;
  const driver = DriverConfig.Name ?? '';
  return {
    ...plainVolume(name),
    ...(driver === '' ? {} : { driver }),
    ...{ driverOpts: DriverConfig.Options ?? {}, labels: Labels },
  };
}

function plainVolume(name: string): VolumeSpec {
  return {
    ...{ name, project: '', key: name, driver: 'local' },
    ...{ driverOpts: {}, labels: {}, external: false },
  };
}

const propagations = new Set(['shared', 'slave', 'private', 'rshared', 'rslave', 'rprivate']);
const consistencies = new Set(['consistent', 'cached', 'delegated', 'default']);

interface BindParts {
  readonly source: string | undefined;
  readonly target: string;
  readonly words: readonly string[];
}

/** Parses `source:target[:options]`, or a target alone for an anonymous volume. */
function parseBind(text: string): MountSpec {
  const parts = text.split(':');
  if (parts.length > 3 || parts.includes('')) throw invalidBind(text);
  const [first = '', target = first, options = ''] = parts;
  if (!target.startsWith('/') || target === '/') throw invalidBind(text);
  const words = options === '' ? [] : options.split(',');
  if (parts.length > 1 && first.startsWith('/'))
    return hostBind(text, { source: first, target, words });
  return volumeBind(text, { source: parts.length === 1 ? undefined : first, target, words });
}

function commonOf(
  target: string,
  words: readonly string[],
): { readonly target: string; readonly readOnly: boolean; readonly consistency?: string } {
  const consistency = words.find((word) => consistencies.has(word));
  const readOnly = words.includes('ro');
  return { target, readOnly, ...(consistency === undefined ? {} : { consistency }) };
}

function hostBind(text: string, { source = '', target, words }: BindParts): MountSpec {
  const common = commonOf(target, words);
  const propagation = words.find((word) => propagations.has(word));
  const selinux = words.find((word) => word === 'z' || word === 'Z');
  const known = new Set(['ro', 'rw', common.consistency, propagation, selinux]);
  if (words.some((word) => !known.has(word))) throw invalidBind(text);
  return {
    ...{ type: 'bind', source, createHostPath: true, ...common },
    ...(propagation === undefined ? {} : { propagation }),
    ...(selinux === undefined ? {} : { selinux }),
  };
}

function volumeBind(text: string, { source, target, words }: BindParts): MountSpec {
  if (source !== undefined) requireVolumeName(source);
  const common = commonOf(target, words);
  const known = new Set(['ro', 'rw', 'nocopy', 'z', 'Z', common.consistency]);
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
      return volumeMount(mount, common);
    case 'tmpfs':
      return tmpfsMount(mount, common);
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

type CommonMount = ReturnType<typeof commonOf>;

function volumeMount(
  { Source = '', VolumeOptions = {} }: MountBody,
  common: CommonMount,
): MountSpec {
  return {
    ...{ type: 'volume', ...common, noCopy: VolumeOptions.NoCopy ?? false },
    ...(Source === '' ? { labels: VolumeOptions.Labels ?? {} } : { source: Source }),
    ...nonEmpty('subpath', VolumeOptions.Subpath),
  };
}

function tmpfsMount({ TmpfsOptions = {} }: MountBody, common: CommonMount): MountSpec {
  const { SizeBytes, Mode } = TmpfsOptions;
  return {
    ...{ type: 'tmpfs', ...common },
    ...(SizeBytes === undefined ? {} : { sizeBytes: SizeBytes }),
    ...(Mode === undefined ? {} : { mode: Mode }),
  };
}

function nonEmpty<Key extends string>(
  key: Key,
  value: string | undefined,
): Partial<Record<Key, string>> {
  return value === undefined || value === '' ? {} : ({ [key]: value } as Record<Key, string>);
}
