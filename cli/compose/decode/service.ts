import type {
  BlkioConfig,
  CredentialSpec,
  ComposeDependency,
  Develop,
  DeviceMapping,
  EnvFile,
  Healthcheck,
  Hook,
  Logging,
  ModelReference,
  Mount,
  NetworkAttachment,
  Port,
  Provider,
  ComposeService,
} from '../model.js';
import { isList, type Tree } from '../yaml/tree.js';
import { readBuild } from './build.js';
import { readDeploy, readDeviceRequest } from './deploy.js';
import { readFileReference } from './file-reference.js';
import { readHosts } from './hosts.js';
import { omitUndefined, type MappingReader } from './reader.js';
import { readUlimits } from './ulimits.js';

/** Fields in the order in which docker compose prints and hashes them. */
const serviceFields: {
  [Key in keyof ComposeService]-?: (reader: MappingReader) => ComposeService[Key] | undefined;
} = {
  profiles: (r) => r.list('profiles'),
  annotations: (r) => r.strings('annotations'),
  attach: (r) => r.flag('attach', 'keep'),
  build: (r) => r.nested('build', readBuild),
  develop: (r) => r.nested('develop', readDevelop),
  blkio_config: (r) => r.nested('blkio_config', readBlkio),
  cap_add: (r) => r.list('cap_add'),
  cap_drop: (r) => r.list('cap_drop'),
  cgroup_parent: (r) => r.text('cgroup_parent'),
  cgroup: (r) => r.text('cgroup'),
  cpu_count: (r) => r.integer('cpu_count'),
  cpu_percent: (r) => r.single('cpu_percent'),
  cpu_period: (r) => r.integer('cpu_period'),
  cpu_quota: (r) => r.integer('cpu_quota'),
  cpu_rt_period: (r) => r.integer('cpu_rt_period'),
  cpu_rt_runtime: (r) => r.integer('cpu_rt_runtime'),
  cpus: (r) => r.single('cpus'),
  cpuset: (r) => r.text('cpuset'),
  cpu_shares: (r) => r.integer('cpu_shares'),
  command: (r) => r.command('command'),
  configs: (r) => r.each('configs', readFileReference),
  container_name: (r) => r.text('container_name'),
  credential_spec: (r) => r.nested('credential_spec', readCredentialSpec),
  depends_on: (r) => r.byName('depends_on', readDependency),
  deploy: (r) => r.nested('deploy', readDeploy),
  device_cgroup_rules: (r) => r.list('device_cgroup_rules'),
  devices: (r) => r.each('devices', readDevice),
  dns: (r) => r.list('dns'),
  dns_opt: (r) => r.list('dns_opt'),
  dns_search: (r) => r.list('dns_search'),
  domainname: (r) => r.text('domainname'),
  entrypoint: (r) => r.command('entrypoint'),
  provider: (r) => r.nested('provider', readProvider),
  environment: (r) => r.pairs('environment'),
  env_file: (r) => r.each('env_file', readEnvFile),
  expose: (r) => r.list('expose'),
  extends: (r) => r.nested('extends', readExtends),
  external_links: (r) => r.list('external_links'),
  extra_hosts: (r) => readHosts(r, 'extra_hosts'),
  group_add: (r) => r.list('group_add'),
  gpus: (r) => r.each('gpus', readDeviceRequest),
  hostname: (r) => r.text('hostname'),
  healthcheck: (r) => r.nested('healthcheck', readHealthcheck),
  image: (r) => r.text('image'),
  init: (r) => r.flag('init', 'keep'),
  ipc: (r) => r.text('ipc'),
  isolation: (r) => r.text('isolation'),
  labels: (r) => r.strings('labels'),
  label_file: (r) => r.list('label_file'),
  links: (r) => r.list('links'),
  logging: (r) => r.nested('logging', readLogging),
  mem_limit: (r) => r.bytes('mem_limit'),
  mem_reservation: (r) => r.bytes('mem_reservation'),
  memswap_limit: (r) => r.bytes('memswap_limit', 'unlimited'),
  mem_swappiness: (r) => r.bytes('mem_swappiness', 'unlimited'),
  mac_address: (r) => r.text('mac_address'),
  models: (r) => r.byName('models', readModelReference),
  network_mode: (r) => r.text('network_mode'),
  networks: (r) => r.byName('networks', readAttachment),
  oom_kill_disable: (r) => r.flag('oom_kill_disable'),
  oom_score_adj: (r) => r.integer('oom_score_adj'),
  pid: (r) => r.text('pid'),
  pids_limit: (r) => r.integer('pids_limit'),
  platform: (r) => r.text('platform'),
  ports: (r) => r.each('ports', readPort),
  privileged: (r) => r.flag('privileged'),
  pull_policy: (r) => r.text('pull_policy'),
  pull_refresh_after: (r) => r.text('pull_refresh_after'),
  read_only: (r) => r.flag('read_only'),
  restart: (r) => r.text('restart'),
  runtime: (r) => r.text('runtime'),
  scale: (r) => r.integer('scale', 'keep'),
  secrets: (r) => r.each('secrets', readFileReference),
  security_opt: (r) => r.list('security_opt'),
  shm_size: (r) => r.bytes('shm_size'),
  stdin_open: (r) => r.flag('stdin_open'),
  stop_grace_period: (r) => r.duration('stop_grace_period'),
  stop_signal: (r) => r.text('stop_signal'),
  storage_opt: (r) => r.strings('storage_opt'),
  sysctls: (r) => r.strings('sysctls'),
  tmpfs: (r) => r.list('tmpfs'),
  tty: (r) => r.flag('tty'),
  ulimits: (r) => readUlimits(r),
  use_api_socket: (r) => r.flag('use_api_socket'),
  user: (r) => r.text('user'),
  userns_mode: (r) => r.text('userns_mode'),
  uts: (r) => r.text('uts'),
  volumes: (r) => r.each('volumes', readMount),
  volumes_from: (r) => r.list('volumes_from'),
  working_dir: (r) => r.text('working_dir'),
  post_start: (r) => r.each('post_start', readHook),
  pre_stop: (r) => r.each('pre_stop', readHook),
};

const readers = Object.entries(serviceFields);

export function readService(reader: MappingReader): ComposeService {
  const service: Record<string, unknown> = {};
  for (const [key, read] of readers) {
    // An absent command or entrypoint is null in the model; other absent fields are omitted.
    if (!reader.has(key) && key !== 'command' && key !== 'entrypoint') continue;
    const value = read(reader);
    if (value !== undefined) service[key] = value;
  }
  return service as unknown as ComposeService;
}

function readDependency(r: MappingReader): ComposeDependency {
  return omitUndefined<ComposeDependency>({
    condition: (r.text('condition') ?? 'service_started') as ComposeDependency['condition'],
    restart: r.flag('restart'),
    required: r.flag('required', 'keep') ?? false,
  });
}

function readCredentialSpec(r: MappingReader): CredentialSpec {
  return omitUndefined<CredentialSpec>({
    config: r.text('config'),
    file: r.text('file'),
    registry: r.text('registry'),
  });
}

function readDevice(r: MappingReader): DeviceMapping {
  return omitUndefined<DeviceMapping>({
    source: r.text('source') ?? '',
    target: r.text('target') ?? '',
    permissions: r.text('permissions'),
  });
}

function readProvider(r: MappingReader): Provider {
  const options = r.byName('options', (_inner, name) => {
    const value = (r.raw('options') as Record<string, Tree>)[name] ?? null;
    return isList(value)
      ? (r.child('options').list(name) ?? [])
      : [r.child('options').text(name) ?? ''];
  });
  return omitUndefined<Provider>({ type: r.text('type') ?? '', options });
}

function readEnvFile(r: MappingReader): EnvFile {
  return omitUndefined<EnvFile>({
    path: r.text('path') ?? '',
    required: r.flag('required', 'keep'),
    format: r.text('format'),
  });
}

function readExtends(r: MappingReader): NonNullable<ComposeService['extends']> {
  return omitUndefined<NonNullable<ComposeService['extends']>>({
    file: r.text('file'),
    service: r.text('service') ?? '',
  });
}

function readHealthcheck(r: MappingReader): Healthcheck {
  const test = r.raw('test');
  return omitUndefined<Healthcheck>({
    test: typeof test === 'string' ? ['CMD-SHELL', test] : r.list('test'),
    timeout: r.duration('timeout'),
    interval: r.duration('interval'),
    retries: r.integer('retries', 'keep'),
    start_period: r.duration('start_period'),
    start_interval: r.duration('start_interval'),
    disable: r.flag('disable'),
  });
}

function readLogging(r: MappingReader): Logging {
  return omitUndefined<Logging>({ driver: r.text('driver'), options: r.strings('options') });
}

function readModelReference(r: MappingReader): ModelReference | null {
  if (r.keys().length === 0) return null;
  return omitUndefined<ModelReference>({
    endpoint_var: r.text('endpoint_var'),
    model_var: r.text('model_var'),
  });
}

function readAttachment(r: MappingReader): NetworkAttachment | null {
  if (r.isNull()) return null;
  return omitUndefined<NetworkAttachment>({
    priority: r.integer('priority'),
    gw_priority: r.integer('gw_priority'),
    aliases: r.list('aliases'),
    interface_name: r.text('interface_name'),
    ipv4_address: r.text('ipv4_address'),
    ipv6_address: r.text('ipv6_address'),
    link_local_ips: r.list('link_local_ips'),
    mac_address: r.text('mac_address'),
    driver_opts: r.strings('driver_opts'),
  });
}

function readPort(r: MappingReader): Port {
  return omitUndefined<Port>({
    name: r.text('name'),
    mode: r.text('mode'),
    host_ip: r.text('host_ip'),
    target: r.integer('target') ?? 0,
    published: r.text('published'),
    protocol: r.text('protocol') ?? 'tcp',
    app_protocol: r.text('app_protocol'),
  });
}

export function readHook(r: MappingReader): Hook {
  return omitUndefined<Hook>({
    command: r.command('command'),
    user: r.text('user'),
    privileged: r.flag('privileged'),
    working_dir: r.text('working_dir'),
    environment: r.pairs('environment'),
  });
}

function readMount(r: MappingReader): Mount {
  return omitUndefined<Mount>({
    type: r.text('type') ?? '',
    source: r.text('source'),
    target: r.text('target') ?? '',
    read_only: r.flag('read_only'),
    consistency: r.text('consistency'),
    bind: r.nested('bind', (b) =>
      omitUndefined<NonNullable<Mount['bind']>>({
        selinux: b.text('selinux'),
        propagation: b.text('propagation'),
        create_host_path: b.flag('create_host_path'),
        recursive: b.text('recursive'),
      }),
    ),
    volume: r.nested('volume', (v) =>
      omitUndefined<NonNullable<Mount['volume']>>({
        labels: v.strings('labels'),
        nocopy: v.flag('nocopy'),
        subpath: v.text('subpath'),
      }),
    ),
    tmpfs: r.nested('tmpfs', (t) =>
      omitUndefined<NonNullable<Mount['tmpfs']>>({
        size: t.bytes('size'),
        mode: t.unsigned('mode', 2 ** 32 - 1),
      }),
    ),
    image: r.nested('image', (i) =>
      omitUndefined<NonNullable<Mount['image']>>({ subpath: i.text('subpath') }),
    ),
  });
}

/** Weights are unsigned 16-bit integers in the Engine API. */
const maxWeight = 2 ** 16 - 1;

function readBlkio(r: MappingReader): BlkioConfig {
  const limit = (b: MappingReader): { Path: string; Rate: string } => ({
    Path: b.text('path') ?? '',
    Rate: b.bytes('rate') ?? '0',
  });
  return omitUndefined<BlkioConfig>({
    weight: r.unsigned('weight', maxWeight),
    weight_device: r.each('weight_device', (b) => ({
      Path: b.text('path') ?? '',
      Weight: b.unsigned('weight', maxWeight) ?? 0,
    })),
    device_read_bps: r.each('device_read_bps', limit),
    device_read_iops: r.each('device_read_iops', limit),
    device_write_bps: r.each('device_write_bps', limit),
    device_write_iops: r.each('device_write_iops', limit),
  });
}

function readDevelop(r: MappingReader): Develop {
  const watch = r.each('watch', (w) =>
    omitUndefined<NonNullable<Develop['watch']>[number]>({
      path: w.text('path') ?? '',
      action: w.text('action') ?? '',
      target: w.text('target'),
      exec: w.nested('exec', readHook) ?? { command: null },
      include: w.list('include'),
      ignore: w.list('ignore'),
      initial_sync: w.flag('initial_sync'),
    }),
  );
  return omitUndefined<Develop>({ watch });
}
