import type { Decoder } from '../../common/base/decode.js';
import {
  array,
  boolean,
  decode,
  dictionary,
  fields,
  integer,
  number,
  object,
  optionalOrNull,
  string,
} from '../../common/base/decode.js';
import type { Json, JsonObject } from '../../common/model/meta.js';

/** A list of words; the Engine API also accepts one word. */
const words: Decoder<readonly string[] | undefined> = (value, at) => {
  if (value === undefined || value === null) return undefined;
  return typeof value === 'string' ? [value] : array(string)(value, at);
};

const portBinding = object<{ readonly HostIp?: string; readonly HostPort?: string }>({
  HostIp: optionalOrNull(string),
  HostPort: optionalOrNull(string),
});
export type PortBinding = ReturnType<typeof portBinding>;

export const healthcheckBody = object<{
  readonly Test?: readonly string[];
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly StartPeriod?: number;
  readonly StartInterval?: number;
  readonly Retries?: number;
}>({
  Test: words,
  Interval: optionalOrNull(number),
  Timeout: optionalOrNull(number),
  StartPeriod: optionalOrNull(number),
  StartInterval: optionalOrNull(number),
  Retries: optionalOrNull(number),
});
export type HealthcheckBody = ReturnType<typeof healthcheckBody>;

interface BindOptions {
  readonly Propagation?: string;
  readonly NonRecursive?: boolean;
  readonly CreateMountpoint?: boolean;
}
interface DriverConfig {
  readonly Name?: string;
  readonly Options?: Readonly<Record<string, string>>;
}
interface VolumeOptions {
  readonly NoCopy?: boolean;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly Subpath?: string;
  readonly DriverConfig?: DriverConfig;
}
interface TmpfsOptions {
  readonly SizeBytes?: number;
  readonly Mode?: number;
}
interface ImageOptions {
  readonly Subpath?: string;
}

export const mountBody = object<{
  readonly Type: string;
  readonly Source?: string;
  readonly Target: string;
  readonly ReadOnly?: boolean;
  readonly Consistency?: string;
  readonly BindOptions?: BindOptions;
  readonly VolumeOptions?: VolumeOptions;
  readonly TmpfsOptions?: TmpfsOptions;
  readonly ImageOptions?: ImageOptions;
}>({
  Type: string,
  Source: optionalOrNull(string),
  Target: string,
  ReadOnly: optionalOrNull(boolean),
  Consistency: optionalOrNull(string),
  BindOptions: optionalOrNull(
    object<BindOptions>({
      Propagation: optionalOrNull(string),
      NonRecursive: optionalOrNull(boolean),
      CreateMountpoint: optionalOrNull(boolean),
    }),
  ),
  VolumeOptions: optionalOrNull(
    object<VolumeOptions>({
      NoCopy: optionalOrNull(boolean),
      Labels: optionalOrNull(dictionary(string)),
      Subpath: optionalOrNull(string),
      DriverConfig: optionalOrNull(
        object<DriverConfig>({
          Name: optionalOrNull(string),
          Options: optionalOrNull(dictionary(string)),
        }),
      ),
    }),
  ),
  TmpfsOptions: optionalOrNull(
    object<TmpfsOptions>({ SizeBytes: optionalOrNull(number), Mode: optionalOrNull(number) }),
  ),
  ImageOptions: optionalOrNull(object<ImageOptions>({ Subpath: optionalOrNull(string) })),
});
export type MountBody = ReturnType<typeof mountBody>;

interface IpamConfig {
  readonly IPv4Address?: string;
  readonly IPv6Address?: string;
  readonly LinkLocalIPs?: readonly string[];
}
export const endpointBody = object<{
  readonly Aliases?: readonly string[];
  readonly Links?: readonly string[];
  readonly MacAddress?: string;
  readonly DriverOpts?: Readonly<Record<string, string>>;
  readonly IPAMConfig?: IpamConfig;
}>({
  Aliases: words,
  Links: words,
  MacAddress: optionalOrNull(string),
  DriverOpts: optionalOrNull(dictionary(string)),
  IPAMConfig: optionalOrNull(
    object<IpamConfig>({
      IPv4Address: optionalOrNull(string),
      IPv6Address: optionalOrNull(string),
      LinkLocalIPs: words,
    }),
  ),
});
export type EndpointBody = ReturnType<typeof endpointBody>;

interface RestartBody {
  readonly Name?: string;
  readonly MaximumRetryCount?: number;
}

/** The fields of `HostConfig` with a meaning for the cluster. */
const hostConfig = object<{
  readonly AutoRemove?: boolean;
  readonly Binds?: readonly string[];
  readonly Mounts?: readonly MountBody[];
  readonly NetworkMode?: string;
  readonly PortBindings?: Readonly<Record<string, readonly PortBinding[] | undefined>>;
  readonly RestartPolicy?: RestartBody;
  readonly Dns?: readonly string[];
  readonly DnsSearch?: readonly string[];
  readonly DnsOptions?: readonly string[];
  readonly ExtraHosts?: readonly string[];
  readonly VolumesFrom?: readonly string[];
  readonly Links?: readonly string[];
  readonly IpcMode?: string;
  readonly PidMode?: string;
  readonly NanoCpus?: number;
  readonly Memory?: number;
  readonly MemoryReservation?: number;
  readonly PidsLimit?: number;
}>({
  AutoRemove: optionalOrNull(boolean),
  Binds: words,
  Mounts: optionalOrNull(array(mountBody)),
  NetworkMode: optionalOrNull(string),
  PortBindings: optionalOrNull(dictionary(optionalOrNull(array(portBinding)))),
  RestartPolicy: optionalOrNull(
    object<RestartBody>({
      Name: optionalOrNull(string),
      MaximumRetryCount: optionalOrNull(integer),
    }),
  ),
  Dns: words,
  DnsSearch: words,
  DnsOptions: words,
  ExtraHosts: words,
  VolumesFrom: words,
  Links: words,
  IpcMode: optionalOrNull(string),
  PidMode: optionalOrNull(string),
  NanoCpus: optionalOrNull(number),
  Memory: optionalOrNull(number),
  MemoryReservation: optionalOrNull(number),
  PidsLimit: optionalOrNull(number),
});
export type HostConfigBody = ReturnType<typeof hostConfig>;

interface NetworkingBody {
  readonly EndpointsConfig?: Readonly<Record<string, EndpointBody | undefined>>;
}

const createBody = object<{
  readonly Image?: string;
  readonly Cmd?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Env?: readonly string[];
  readonly Labels?: Readonly<Record<string, string>>;
  readonly Hostname?: string;
  readonly Healthcheck?: HealthcheckBody;
  readonly StopSignal?: string;
  readonly StopTimeout?: number;
  readonly Tty?: boolean;
  readonly OpenStdin?: boolean;
  readonly MacAddress?: string;
  readonly HostConfig?: HostConfigBody;
  readonly NetworkingConfig?: NetworkingBody;
}>({
  Image: optionalOrNull(string),
  Cmd: words,
  Entrypoint: words,
  Env: words,
  Labels: optionalOrNull(dictionary(string)),
  Hostname: optionalOrNull(string),
  Healthcheck: optionalOrNull(healthcheckBody),
  StopSignal: optionalOrNull(string),
  StopTimeout: optionalOrNull(integer),
  Tty: optionalOrNull(boolean),
  OpenStdin: optionalOrNull(boolean),
  MacAddress: optionalOrNull(string),
  HostConfig: optionalOrNull(hostConfig),
  NetworkingConfig: optionalOrNull(
    object<NetworkingBody>({
      EndpointsConfig: optionalOrNull(dictionary(optionalOrNull(endpointBody))),
    }),
  ),
});

/** The decoded body of `POST /containers/create`. */
export type CreateBody = ReturnType<typeof createBody> & {
  /** Fields that only the engine reads, unchanged. */
  readonly config: JsonObject;
  readonly hostConfig: JsonObject;
};

/**
 * Fields of `Config` and `HostConfig` that go to the engine unchanged. The engine ignores fields
 * that it does not know, so others are left out.
 */
const engineConfig = new Set([
  ...['Domainname', 'User', 'AttachStdin', 'AttachStdout', 'AttachStderr', 'ExposedPorts'],
  ...['StdinOnce', 'ArgsEscaped', 'Volumes', 'WorkingDir', 'NetworkDisabled', 'OnBuild', 'Shell'],
]);
const engineHostConfig = new Set([
  ...['LogConfig', 'VolumeDriver', 'ConsoleSize', 'Annotations', 'CapAdd', 'CapDrop'],
  ...['CgroupnsMode', 'GroupAdd', 'OomScoreAdj', 'Privileged', 'PublishAllPorts'],
  ...['ReadonlyRootfs', 'SecurityOpt', 'StorageOpt', 'Tmpfs', 'UTSMode', 'UsernsMode', 'ShmSize'],
  ...['Sysctls', 'Runtime', 'Isolation', 'CpuShares', 'CgroupParent', 'BlkioWeight'],
  ...['BlkioWeightDevice', 'BlkioDeviceReadBps', 'BlkioDeviceWriteBps', 'BlkioDeviceReadIOps'],
  ...['BlkioDeviceWriteIOps', 'CpuPeriod', 'CpuQuota', 'CpuRealtimePeriod', 'CpuRealtimeRuntime'],
  ...['CpusetCpus', 'CpusetMems', 'Devices', 'DeviceCgroupRules', 'DeviceRequests'],
  ...['KernelMemory', 'KernelMemoryTCP', 'MemorySwap', 'MemorySwappiness', 'OomKillDisable'],
  ...['Ulimits', 'CpuCount', 'CpuPercent', 'IOMaximumIOps', 'IOMaximumBandwidth', 'MaskedPaths'],
  ...['ReadonlyPaths', 'Init'],
]);

/** Decodes the body; ignores unknown fields. Throws `invalid` for mistyped ones. */
export function decodeCreateBody(value: unknown): CreateBody {
  const body = decode(value, createBody, 'container');
  const all = fields(value, 'container');
  const host = all.HostConfig ?? {};
  return {
    ...body,
    config: pick(all, engineConfig),
    hostConfig: pick(fields(host, 'HostConfig'), engineHostConfig),
  };
}

/** The request's body was parsed from JSON, so that its values are JSON. */
function pick(all: Readonly<Record<string, unknown>>, keys: ReadonlySet<string>): JsonObject {
  return Object.fromEntries(
    Object.entries(all).filter((entry): entry is [string, Json] => keys.has(entry[0])),
  );
}
