import type { ContainerSpec, MountSpec } from '../common/model/container.js';
import type { Json } from '../common/model/meta.js';
import type { NetworkSpec, VolumeSpec } from '../common/model/network.js';
import type { ServiceSpec } from '../common/model/service.js';

/*
 * Rights over the machine that a spec requests. Keys of the engine that are not listed here count
 * as such rights, so that a new key is refused until somebody has judged it.
 */

/** Keys of `HostConfig` that limit or describe a container and give it no right over its machine. */
const harmless: ReadonlySet<string> = new Set([
  ...['Annotations', 'CapDrop', 'GroupAdd', 'Init', 'LogConfig', 'ReadonlyRootfs', 'ShmSize'],
  ...['StorageOpt', 'Tmpfs', 'Ulimits', 'PidsLimit', 'ConsoleSize', 'AutoRemove', 'Isolation'],
  ...['CpuShares', 'CpuPeriod', 'CpuQuota', 'CpusetCpus', 'CpusetMems', 'NanoCpus', 'CpuCount'],
  ...['CpuPercent', 'Memory', 'MemorySwap', 'MemoryReservation', 'MemorySwappiness'],
  ...['BlkioWeight', 'BlkioWeightDevice', 'BlkioDeviceReadBps', 'BlkioDeviceWriteBps'],
  ...['BlkioDeviceReadIOps', 'BlkioDeviceWriteIOps', 'Sysctls'],
]);

/** Values of namespace modes that keep a container in namespaces of its own. */
const ownNamespace: ReadonlySet<Json> = new Set(['', 'private', 'shareable', 'none']);
const namespaceKeys: ReadonlySet<string> = new Set([
  ...['PidMode', 'IpcMode', 'UTSMode', 'UsernsMode', 'CgroupnsMode'],
]);

const harmlessSecurityOptions = /^no-new-privileges(?:[:=]true)?$/u;

function isEmpty(value: Json): boolean {
  if (value === null || value === false || value === '' || value === 0) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

function hostConfigRight(key: string, value: Json): string | undefined {
  if (harmless.has(key) || isEmpty(value)) return undefined;
  if (namespaceKeys.has(key)) {
    return ownNamespace.has(value) ? undefined : `${key} ${JSON.stringify(value)}`;
  }
  if (key === 'OomScoreAdj' && typeof value === 'number' && value >= 0) return undefined;
  if (key === 'SecurityOpt' && Array.isArray(value)) {
    const options = value.filter((each) => !harmlessSecurityOptions.test(String(each)));
    return options.length === 0 ? undefined : `SecurityOpt ${options.map(String).join(', ')}`;
  }
  return key;
}

function mountRight(mount: MountSpec): readonly string[] {
  return mount.type === 'bind' ? [`bind mount of ${mount.source}`] : [];
}

/** Rights over its machine that a container requests, each as a short text; sorted. */
export function containerPrivileges(spec: ContainerSpec): readonly string[] {
  const hooks = [...(spec.postStart ?? []), ...(spec.preStop ?? [])];
  return [
    ...Object.entries(spec.hostConfig).flatMap(([key, value]) => hostConfigRight(key, value) ?? []),
    ...spec.mounts.flatMap(mountRight),
    ...(spec.networkMode.kind === 'host' ? ['network of the machine'] : []),
    ...(hooks.some(({ privileged }) => privileged) ? ['privileged hook'] : []),
  ].sort();
}

/** Rights over its machine that a network requests: a driver that reaches the machine's networks. */
export function networkPrivileges({ driver }: Pick<NetworkSpec, 'driver'>): readonly string[] {
  return ['', 'overlay', 'bridge'].includes(driver) ? [] : [`driver ${driver}`];
}

/** Rights over its machine that a volume requests: a plugin, or options that mount a device. */
export function volumePrivileges({
  driver,
  driverOpts,
}: Pick<VolumeSpec, 'driver' | 'driverOpts'>): readonly string[] {
  const isPlugin = !['', 'local'].includes(driver);
  const mounts = Object.keys(driverOpts).length > 0 && driverOpts.type !== 'tmpfs';
  return [
    ...(isPlugin ? [`driver ${driver}`] : []),
    ...(mounts ? [`driver options ${Object.keys(driverOpts).sort().join(', ')}`] : []),
  ];
}

/** An object that a deployment creates or uses. */
export interface NamedObject {
  readonly kind: 'service' | 'network' | 'volume' | 'secret' | 'config';
  readonly name: string;
}

/** Objects that a service uses by name. */
export function objectsUsedBy({ task }: Pick<ServiceSpec, 'task'>): readonly NamedObject[] {
  const { mounts, files } = task.container;
  return [
    ...task.networks.map(({ network }): NamedObject => ({ kind: 'network', name: network })),
    ...mounts.flatMap((mount): readonly NamedObject[] =>
      mount.type === 'volume' && mount.source !== undefined
        ? [{ kind: 'volume', name: mount.source }]
        : [],
    ),
    ...files.map(({ kind, source }): NamedObject => ({ kind, name: source })),
  ];
}
