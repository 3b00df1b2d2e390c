import type { Json, JsonObject } from '../../../manager/common/model/meta.js';
import type { BlkioConfig, DeviceRequest, Project, ComposeService } from '../model.js';
import { needsShareableIpc, sharingOf } from './pods.js';
import { specError } from './spec-error.js';
import { toBytes } from './units.js';

type Fields = Record<string, Json | undefined>;

/** Maps the keys of a service that only the engine uses to `HostConfig` of the Engine API. */
export function toHostConfig(project: Project, name: string, service: ComposeService): JsonObject {
  return defined({
    ...namespaces(project, name, service),
    ...security(service),
    ...processor(service),
    ...memory(service),
    ...blockIo(service.blkio_config),
    ...devices(service),
    Annotations: service.annotations,
    Init: service.init,
    LogConfig: service.logging && {
      Type: service.logging.driver ?? '',
      Config: service.logging.options ?? {},
    },
    ShmSize: toBytes(service.shm_size),
    StorageOpt: service.storage_opt,
    Sysctls: service.sysctls,
    Tmpfs: tmpfs(service.tmpfs),
    Ulimits: ulimits(service.ulimits),
    Runtime: service.runtime,
    Isolation: service.isolation,
  });
}

/** Maps the keys of a service that are top-level fields of the container create request. */
export function toContainerConfig(
  project: Project,
  name: string,
  service: ComposeService,
): JsonObject {
  return defined({
    User: service.user,
    WorkingDir: service.working_dir,
    Domainname: service.domainname,
    ExposedPorts: exposedPorts(project, name, service.expose),
  });
}

function defined(fields: Fields): JsonObject {
  const result: Record<string, Json> = {};
  for (const [key, value] of Object.entries(fields)) if (value !== undefined) result[key] = value;
  return result;
}

function namespaces(project: Project, name: string, service: ComposeService): Fields {
  for (const key of ['uts', 'cgroup'] as const) {
    const value = service[key] ?? '';
    if (!/^(service|container):/.test(value)) continue;
    throw specError(
      project,
      ['services', name, key],
      `${value} is not supported; the engine shares network_mode, ipc and pid only`,
    );
  }
  const { ipc, pid } = sharingOf(project, name);
  const ownIpc = needsShareableIpc(project, name) ? 'shareable' : undefined;
  return {
    // Undefined for a shared namespace: the worker fills in the container.
    IpcMode: ipc === undefined ? (service.ipc ?? ownIpc) : undefined,
    PidMode: pid === undefined ? service.pid : undefined,
    UTSMode: service.uts,
    UsernsMode: service.userns_mode,
    CgroupnsMode: service.cgroup,
    CgroupParent: service.cgroup_parent,
  };
}

function security(service: ComposeService): Fields {
  const { config, file, registry } = service.credential_spec ?? {};
  const credential =
    config === undefined
      ? file === undefined
        ? registry && `registry://${registry}`
        : `file://${file}`
      : `config://${config}`;
  const options = [
    ...(service.security_opt ?? []),
    ...(credential === undefined ? [] : [`credentialspec=${credential}`]),
  ];
  return {
    CapAdd: service.cap_add,
    CapDrop: service.cap_drop,
    Privileged: service.privileged,
    ReadonlyRootfs: service.read_only,
    GroupAdd: service.group_add,
    SecurityOpt: options.length === 0 ? undefined : options,
  };
}

function processor(service: ComposeService): Fields {
  return {
    CpuCount: service.cpu_count,
    CpuPercent: service.cpu_percent,
    CpuPeriod: service.cpu_period,
    CpuQuota: service.cpu_quota,
    CpuRealtimePeriod: service.cpu_rt_period,
    CpuRealtimeRuntime: service.cpu_rt_runtime,
    CpuShares: service.cpu_shares,
    CpusetCpus: service.cpuset,
  };
}

function memory(service: ComposeService): Fields {
  return {
    MemorySwap: toBytes(service.memswap_limit),
    MemorySwappiness: toBytes(service.mem_swappiness),
    OomKillDisable: service.oom_kill_disable,
    OomScoreAdj: service.oom_score_adj,
  };
}

function blockIo(config: BlkioConfig | undefined): Fields {
  if (config === undefined) return {};
  const limits = (list: BlkioConfig['device_read_bps']): Json | undefined =>
    list?.map(({ Path, Rate }) => ({ Path, Rate: Number(Rate) }));
  return {
    BlkioWeight: config.weight,
    BlkioWeightDevice: config.weight_device,
    BlkioDeviceReadBps: limits(config.device_read_bps),
    BlkioDeviceReadIOps: limits(config.device_read_iops),
    BlkioDeviceWriteBps: limits(config.device_write_bps),
    BlkioDeviceWriteIOps: limits(config.device_write_iops),
  };
}

/** Matches the name of a Container Device Interface device: `vendor.com/class=device`. */
const cdiName = /^[A-Za-z][\w.-]*\/[A-Za-z][\w.-]*=[\w.:-]+$/;

function devices(service: ComposeService): Fields {
  const mapped = (service.devices ?? []).filter((device) => !cdiName.test(device.source));
  const named = (service.devices ?? []).filter((device) => cdiName.test(device.source));
  const requests = [
    ...(named.length === 0
      ? []
      : [{ Driver: 'cdi', DeviceIDs: named.map((device) => device.source) }]),
    ...(service.deploy?.resources.reservations?.devices ?? []).map((request) =>
      deviceRequest(request, []),
    ),
    ...(service.gpus ?? []).map((request) => deviceRequest(request, ['gpu'])),
  ];
  return {
    Devices:
      mapped.length === 0
        ? undefined
        : mapped.map((device) => ({
            PathOnHost: device.source,
            PathInContainer: device.target,
            CgroupPermissions: device.permissions ?? 'rwm',
          })),
    DeviceCgroupRules: service.device_cgroup_rules,
    DeviceRequests: requests.length === 0 ? undefined : requests,
  };
}

function deviceRequest(request: DeviceRequest, implied: readonly string[]): JsonObject {
  return defined({
    Driver: request.driver,
    Count: request.count,
    DeviceIDs: request.device_ids,
    Capabilities: [[...new Set([...(request.capabilities ?? []), ...implied])]],
    Options: request.options,
  });
}

function tmpfs(list: ComposeService['tmpfs']): Json | undefined {
  if (list === undefined) return undefined;
  return Object.fromEntries(
    list.map((item) => {
      const colon = item.indexOf(':');
      return colon < 0 ? [item, ''] : [item.slice(0, colon), item.slice(colon + 1)];
    }),
  );
}

function ulimits(limits: ComposeService['ulimits']): Json | undefined {
  if (limits === undefined) return undefined;
  return Object.entries(limits).map(([name, limit]) =>
    typeof limit === 'number'
      ? { Name: name, Soft: limit, Hard: limit }
      : { Name: name, Soft: limit.soft, Hard: limit.hard },
  );
}

function exposedPorts(
  project: Project,
  name: string,
  list: ComposeService['expose'],
): Json | undefined {
  if (list === undefined) return undefined;
  const ports: Record<string, JsonObject> = {};
  list.forEach((item, index) => {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(item);
    const [first, last] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
    if (match === null || last < first || last > 65535) {
      throw specError(
        project,
        ['services', name, 'expose', index],
        `"${item}" is not a port; write PORT[-END][/PROTOCOL]`,
      );
    }
    for (let port = first; port <= last; port += 1)
      ports[`${String(port)}/${(match[3] ?? 'tcp').toLowerCase()}`] = {};
  });
  return ports;
}
