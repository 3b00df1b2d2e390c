import type { ComposeService } from '../../../cli/compose/model.js';
import type { Container, Effect, Inspected, Model } from './inspected.js';
import { mountEffect, networkEffect, portEffect, within } from './inspected.js';

type Effects = {
  readonly [Key in keyof ComposeService]?: (
    value: NonNullable<ComposeService[Key]>,
    container: Container,
  ) => Effect;
};

const same =
  (part: 'config' | 'host', name: string) =>
  (value: unknown, container: Container): Effect => ({
    wanted: value,
    seen: container[part][name],
  });
const number =
  (part: 'config' | 'host', name: string) =>
  (value: unknown, container: Container): Effect => ({
    wanted: Number(value),
    seen: container[part][name],
  });
const entriesWithin = (wanted: Readonly<Record<string, unknown>>, all: unknown): Effect => {
  const record = (all ?? {}) as Readonly<Record<string, unknown>>;
  return {
    wanted,
    seen: Object.fromEntries(Object.keys(wanted).map((key) => [key, record[key]])),
  };
};

/**
 * The Engine API field of each key, from moby's `api/types/container`; written independently of the
 * code under test.
 */
const effects: Effects = {
  annotations: (value, { host }) =>
    // Engines before API 1.43 have no annotations.
    host.Annotations === undefined ? noEffect : entriesWithin(value, host.Annotations),
  blkio_config: (value, { host }) => ({
    wanted: value.device_read_bps?.map(({ Path, Rate }) => ({ Path, Rate: Number(Rate) })),
    seen: host.BlkioDeviceReadBps,
  }),
  cap_add: capabilities('CapAdd'),
  cap_drop: capabilities('CapDrop'),
  cgroup: same('host', 'CgroupnsMode'),
  cgroup_parent: same('host', 'CgroupParent'),
  command: same('config', 'Cmd'),
  configs: (value, container) =>
    mounted(
      value.map(({ source, target = `/${source}` }) => target),
      container,
    ),
  container_name: (value, { inspected }) => ({ wanted: `/${value}`, seen: inspected.Name }),
  cpu_count: same('host', 'CpuCount'),
  cpu_percent: same('host', 'CpuPercent'),
  cpu_period: same('host', 'CpuPeriod'),
  cpu_quota: same('host', 'CpuQuota'),
  cpu_rt_period: same('host', 'CpuRealtimePeriod'),
  cpu_rt_runtime: same('host', 'CpuRealtimeRuntime'),
  cpu_shares: same('host', 'CpuShares'),
  cpus: (value, { host }) => ({ wanted: Math.round(value * 1e9), seen: host.NanoCpus }),
  cpuset: same('host', 'CpusetCpus'),
  depends_on: (value, { config }) => ({
    wanted: Object.entries(value)
      .map(([name, { condition, restart }]) => `${name}:${condition}:${String(restart === true)}`)
      .join(','),
    seen: (config.Labels as Record<string, string>)['com.docker.compose.depends_on'],
  }),
  deploy: deployed,
  device_cgroup_rules: same('host', 'DeviceCgroupRules'),
  devices: (value, { host }) => ({
    wanted: value.map(({ source, target, permissions }) => ({
      PathOnHost: source,
      PathInContainer: target,
      CgroupPermissions: permissions,
    })),
    seen: host.Devices,
  }),
  dns: same('host', 'Dns'),
  dns_opt: same('host', 'DnsOptions'),
  dns_search: same('host', 'DnsSearch'),
  domainname: same('config', 'Domainname'),
  entrypoint: same('config', 'Entrypoint'),
  environment: (value, { config }) =>
    within(
      Object.entries(value).flatMap(([name, text]) => (text === null ? [] : [`${name}=${text}`])),
      config.Env,
    ),
  expose: (value, { config }) =>
    within(value.flatMap(exposed), Object.keys(config.ExposedPorts ?? {})),
  extra_hosts: (value, { host }) => ({
    wanted: value.map((item) => item.replace('=', ':')),
    seen: host.ExtraHosts,
  }),
  group_add: same('host', 'GroupAdd'),
  healthcheck: (value, { config }) => ({
    wanted: value.disable === true ? { Test: ['NONE'] } : checkOf(value),
    seen: config.Healthcheck,
  }),
  hostname: same('config', 'Hostname'),
  image: same('config', 'Image'),
  init: same('host', 'Init'),
  ipc: same('host', 'IpcMode'),
  labels: (value, { config }) => entriesWithin(value, config.Labels),
  logging: (value, { host }) => ({
    wanted: { Type: value.driver ?? 'json-file', Config: value.options ?? {} },
    seen: host.LogConfig,
  }),
  mem_limit: number('host', 'Memory'),
  mem_reservation: number('host', 'MemoryReservation'),
  mem_swappiness: number('host', 'MemorySwappiness'),
  memswap_limit: number('host', 'MemorySwap'),
  network_mode: (value, { host }) =>
    value.startsWith('service:')
      ? { wanted: true, seen: /^container:[0-9a-f]{64}$/u.test(String(host.NetworkMode)) }
      : value === 'host' || value === 'none'
        ? { wanted: value, seen: host.NetworkMode }
        : noEffect,
  networks: networkEffect,
  oom_kill_disable: same('host', 'OomKillDisable'),
  oom_score_adj: same('host', 'OomScoreAdj'),
  pid: same('host', 'PidMode'),
  pids_limit: same('host', 'PidsLimit'),
  ports: (value, { host }) => portEffect(value, host.PortBindings),
  privileged: same('host', 'Privileged'),
  read_only: same('host', 'ReadonlyRootfs'),
  restart: (value, { host, model, service }) => {
    // An orchestrator restart policy turns the engine's off.
    if (model.services[service]?.deploy?.restart_policy !== undefined) return noEffect;
    const [name, count = '0'] = value.split(':');
    return {
      wanted: { Name: name, MaximumRetryCount: Number(count) },
      seen: host.RestartPolicy,
    };
  },
  runtime: same('host', 'Runtime'),
  secrets: (value, container) =>
    mounted(
      value.map(({ source, target = source }) =>
        target.startsWith('/') ? target : `/run/secrets/${target}`,
      ),
      container,
    ),
  security_opt: same('host', 'SecurityOpt'),
  shm_size: number('host', 'ShmSize'),
  stdin_open: same('config', 'OpenStdin'),
  stop_grace_period: (value, { config }) => ({
    wanted: Math.ceil(seconds(value)),
    seen: config.StopTimeout,
  }),
  stop_signal: same('config', 'StopSignal'),
  storage_opt: same('host', 'StorageOpt'),
  sysctls: same('host', 'Sysctls'),
  tmpfs: (value, { host }) => ({
    wanted: Object.fromEntries(
      value.map((item) => [
        item.split(':')[0] ?? '',
        item.includes(':') ? item.slice(item.indexOf(':') + 1) : '',
      ]),
    ),
    seen: host.Tmpfs,
  }),
  tty: same('config', 'Tty'),
  ulimits: (value, { host }) => ({
    wanted: Object.entries(value)
      .map(([Name, limit]) =>
        typeof limit === 'number'
          ? { Name, Hard: limit, Soft: limit }
          : { Name, Hard: limit.hard, Soft: limit.soft },
      )
      .sort(byName),
    seen: [...((host.Ulimits ?? []) as { Name: string }[])].sort(byName),
  }),
  user: same('config', 'User'),
  userns_mode: same('host', 'UsernsMode'),
  uts: same('host', 'UTSMode'),
  volumes: (value, container) => mountEffect(value, container),
  volumes_from: (value, { model, inspected }) =>
    within(
      value.flatMap((item) => {
        const [name = '', mode = 'rw'] = item.split(':');
        return (model.services[name]?.volumes ?? []).map(
          ({ target, read_only }) => `${target} ${String(mode !== 'ro' && read_only !== true)}`,
        );
      }),
      inspected.Mounts.map(({ Destination, RW }) => `${Destination} ${String(RW)}`),
    ),
  working_dir: same('config', 'WorkingDir'),
};

const noEffect: Effect = { wanted: undefined, seen: undefined };

/** A key of the file whose effect on a container was checked. */
export interface KeyComparison {
  readonly key: string;
  /** Undefined if the container matches the file. */
  readonly difference?: string;
}

/** Compares every key of a service with the engine's inspection of one of its containers. */
export function compareContainer(
  model: Model,
  service: string,
  inspected: Inspected,
): KeyComparison[] {
  const container = {
    model,
    service,
    config: inspected.Config,
    host: inspected.HostConfig,
    inspected,
  };
  return Object.entries(model.services[service] ?? {}).flatMap(([key, value]) => {
    const effect = effects[key as keyof ComposeService] as
      ((value: unknown, container: Container) => Effect) | undefined;
    if (effect === undefined || value === null) return [];
    const { wanted, seen } = effect(value, container);
    if (wanted === undefined) return [];
    const [left, right] = [sortedText(wanted), sortedText(seen)];
    return left === right
      ? [{ key }]
      : [{ key, difference: `${service}.${key}: wanted ${left}, got ${right}` }];
  });
}

/** JSON with sorted object keys. */
function sortedText(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}

function byName(a: { readonly Name: string }, b: { readonly Name: string }): number {
  return a.Name < b.Name ? -1 : 1;
}

function capabilities(name: 'CapAdd' | 'CapDrop') {
  return (value: readonly string[], { host }: Container): Effect => {
    const plain = (list: readonly string[]): string[] =>
      list.map((item) => item.replace(/^CAP_/u, '')).sort();
    return { wanted: plain(value), seen: plain((host[name] ?? []) as string[]) };
  };
}

function mounted(targets: readonly string[], { inspected }: Container): Effect {
  return within(
    targets,
    inspected.Mounts.map(({ Destination }) => Destination),
  );
}

function deployed(value: NonNullable<ComposeService['deploy']>, { host }: Container): Effect {
  const { limits, reservations } = value.resources;
  if (limits === undefined && reservations?.memory === undefined) return noEffect;
  return {
    wanted: [
      limits?.cpus === undefined ? host.NanoCpus : Math.round(limits.cpus * 1e9),
      limits?.memory === undefined ? host.Memory : Number(limits.memory),
      limits?.pids ?? host.PidsLimit,
      reservations?.memory === undefined ? host.MemoryReservation : Number(reservations.memory),
    ],
    seen: [host.NanoCpus, host.Memory, host.PidsLimit, host.MemoryReservation],
  };
}

function exposed(item: string): string[] {
  const [range = '', protocol = 'tcp'] = item.split('/');
  const [first = '', last = first] = range.split('-');
  return Array.from(
    { length: Number(last) - Number(first) + 1 },
    (_, index) => `${String(Number(first) + index)}/${protocol}`,
  );
}

function seconds(duration: string): number {
  const units: Readonly<Record<string, number>> = {
    h: 3600,
    m: 60,
    s: 1,
    ms: 1e-3,
    us: 1e-6,
    ns: 1e-9,
  };
  return [...duration.matchAll(/([\d.]+)(h|ms|m|s|us|ns)/gu)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * (units[unit ?? ''] ?? 0),
    0,
  );
}

function checkOf(check: NonNullable<ComposeService['healthcheck']>): Record<string, unknown> {
  const nanos = (duration: string | undefined): number | undefined =>
    duration === undefined ? undefined : Math.round(seconds(duration) * 1e9);
  return {
    Test: check.test,
    Interval: nanos(check.interval),
    Timeout: nanos(check.timeout),
    StartPeriod: nanos(check.start_period),
    Retries: check.retries,
  };
}
