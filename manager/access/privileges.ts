import type { ContainerSpec, MountSpec } from '../common/model/container.js';
import type { Json } from '../common/model/meta.js';
import type { NetworkSpec, VolumeSpec } from '../common/model/network.js';
import type { ServiceSpec } from '../common/model/service.js';
import type { PolicyRight } from '../common/model/trust/project-policy.js';
import {
  isWithin,
  normalizeCapability,
  normalizePath,
} from '../common/model/trust/project-policy.js';

/*
 * Rights over the machine that a spec requests. Keys of the engine that are not listed here count
 * as such rights, so that a new key is refused until somebody has judged it.
 */

/** A right over its machine that a spec requests. */
export interface HostRight {
  /** The Compose key that requests it, with the value if that matters: `pid host`. */
  readonly field: string;
  /** The right that the project's policy must allow; undefined if only admins may request it. */
  readonly right: PolicyRight | undefined;
}

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

/** Compose keys of namespace modes by the engine's key. */
const namespaceKeys: Readonly<Record<string, string>> = {
  PidMode: 'pid',
  IpcMode: 'ipc',
  UTSMode: 'uts',
  UsernsMode: 'userns_mode',
  CgroupnsMode: 'cgroup',
};

/** Compose keys, by the engine's key, of rights that a privileged container includes. */
const privilegedKeys: Readonly<Record<string, string>> = {
  Privileged: 'privileged',
  Devices: 'devices',
  DeviceRequests: 'gpus',
  DeviceCgroupRules: 'device_cgroup_rules',
  OomScoreAdj: 'oom_score_adj',
};

const harmlessSecurityOptions = /^no-new-privileges(?:[:=]true)?$/u;
const privileged: PolicyRight = { kind: 'privileged' };

function isEmpty(value: Json): boolean {
  if (value === null || value === false || value === '' || value === 0) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

function hostConfigRights(key: string, value: Json): readonly HostRight[] {
  if (harmless.has(key) || isEmpty(value)) return [];
  const namespace = namespaceKeys[key];
  if (namespace !== undefined) {
    if (ownNamespace.has(value)) return [];
    const field = `${namespace} ${typeof value === 'string' ? value : JSON.stringify(value)}`;
    return [{ field, right: value === 'host' ? { kind: 'host-namespaces' } : undefined }];
  }
  if (key === 'OomScoreAdj' && typeof value === 'number' && value >= 0) return [];
  if (key === 'CapAdd' && Array.isArray(value)) return value.map(capabilityRight);
  if (key === 'SecurityOpt' && Array.isArray(value)) {
    return value
      .map(String)
      .filter((option) => !harmlessSecurityOptions.test(option))
      .map((option) => ({ field: `security_opt ${option}`, right: privileged }));
  }
  const field = privilegedKeys[key];
  return field === undefined ? [{ field: key, right: undefined }] : [{ field, right: privileged }];
}

function capabilityRight(value: Json): HostRight {
  if (typeof value !== 'string') return { field: 'cap_add', right: undefined };
  const name = normalizeCapability(value);
  return { field: `cap_add ${name}`, right: { kind: 'capability', name } };
}

/** Sockets of the machine's engine; `/var/run` is a link to `/run`. */
const engineSockets = [
  '/run/docker.sock',
  '/run/docker',
  '/run/containerd',
  '/run/user/0/docker.sock',
].flatMap((path) => [path, `/var${path}`]);

/** Rights that a mount of a path of the machine requests. */
function pathRights(field: string, source: string): readonly HostRight[] {
  const path = normalizePath(source);
  if (path === undefined) return [{ field, right: undefined }];
  const socket: HostRight = { field, right: { kind: 'engine-socket' } };
  if (engineSockets.some((own) => isWithin(path, own))) return [socket];
  const bind: HostRight = { field, right: { kind: 'bind', path } };
  return engineSockets.some((own) => isWithin(own, path)) ? [bind, socket] : [bind];
}

function mountRights(mount: MountSpec): readonly HostRight[] {
  return mount.type === 'bind' ? pathRights(`volumes ${mount.source}`, mount.source) : [];
}

/** Rights over its machine that a container requests, sorted by field. */
export function containerPrivileges(spec: ContainerSpec): readonly HostRight[] {
  const hooks = [...(spec.postStart ?? []), ...(spec.preStop ?? [])];
  const rights: readonly HostRight[] = [
    ...Object.entries(spec.hostConfig).flatMap(([key, value]) => hostConfigRights(key, value)),
    ...spec.mounts.flatMap(mountRights),
    ...(spec.networkMode.kind === 'host'
      ? [{ field: 'network_mode host', right: { kind: 'host-namespaces' } } as const]
      : []),
    ...(hooks.some((hook) => hook.privileged)
      ? [{ field: 'privileged hook', right: privileged }]
      : []),
  ];
  return [...rights].sort((a, b) => (a.field < b.field ? -1 : a.field > b.field ? 1 : 0));
}

/** Rights over its machine that a command in a container requests. */
export function execPrivileges({
  privileged: isPrivileged,
}: {
  readonly privileged: boolean;
}): readonly HostRight[] {
  return isPrivileged ? [{ field: 'privileged', right: privileged }] : [];
}

/** Rights over its machine that a network requests: a driver that reaches the machine's networks. */
export function networkPrivileges({ driver }: Pick<NetworkSpec, 'driver'>): readonly HostRight[] {
  const isOwn = ['', 'overlay', 'bridge'].includes(driver);
  return isOwn ? [] : [{ field: `driver ${driver}`, right: undefined }];
}

/** Options of a bind that only restrict it. */
const bindOptions: ReadonlySet<string> = new Set([
  ...['bind', 'rbind', 'ro', 'rw', 'nosuid', 'nodev', 'noexec', 'noatime', 'nodiratime'],
  ...['private', 'rprivate', 'slave', 'rslave'],
]);

/** Rights over its machine that a volume requests: a plugin, or options that mount a device. */
export function volumePrivileges({
  driver,
  driverOpts,
}: Pick<VolumeSpec, 'driver' | 'driverOpts'>): readonly HostRight[] {
  const isPlugin = !['', 'local'].includes(driver);
  const mounts = Object.keys(driverOpts).length > 0 && driverOpts.type !== 'tmpfs';
  return [
    ...(isPlugin ? [{ field: `driver ${driver}`, right: undefined }] : []),
    ...(mounts ? optionRights(driverOpts) : []),
  ];
}

function optionRights(driverOpts: VolumeSpec['driverOpts']): readonly HostRight[] {
  const { type = '', o = '', device = '', ...others } = driverOpts;
  const options = o.split(',');
  const isBind =
    ['', 'none', 'bind'].includes(type) &&
    (options.includes('bind') || options.includes('rbind')) &&
    options.every((option) => bindOptions.has(option)) &&
    Object.keys(others).length === 0 &&
    // The kernel resolves `..` of a device after links, unlike a comparison of paths.
    !device.split('/').includes('..');
  if (isBind) return pathRights(`driver_opts device ${device}`, device);
  const keys = Object.keys(driverOpts).sort().join(', ');
  return [{ field: `driver_opts ${keys}`, right: undefined }];
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
