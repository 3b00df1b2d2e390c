import type {
  BlkioConfig,
  CredentialSpec,
  Dependency,
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
  Service,
} from '../model.js';
import { isList, type Tree } from '../tree.js';
import { readBuild } from './build.js';
import { readDeploy, readDeviceRequest } from './deploy.js';
import { readFileReference } from './file-reference.js';
import { readHosts } from './hosts.js';
import { compact, type Reader } from './reader.js';
import { readUlimits } from './ulimits.js';

/** Fields stand in the order in which the Compose tool prints and hashes them. */
export function readService(reader: Reader): Service {
  return compact<Service>({ ...readFirstHalf(reader), ...readSecondHalf(reader) });
}

type Loose<T> = { [K in keyof T]?: T[K] | undefined };

function readFirstHalf(r: Reader): Loose<Service> & Pick<Service, 'command' | 'entrypoint'> {
  return {
    profiles: r.list('profiles'),
    annotations: r.strings('annotations'),
    attach: r.flag('attach', 'keep'),
    build: r.nested('build', readBuild),
    develop: r.nested('develop', readDevelop),
    blkio_config: r.nested('blkio_config', readBlkio),
    cap_add: r.list('cap_add'),
    cap_drop: r.list('cap_drop'),
    cgroup_parent: r.text('cgroup_parent'),
    cgroup: r.text('cgroup'),
    cpu_count: r.integer('cpu_count'),
    cpu_percent: r.single('cpu_percent'),
    cpu_period: r.integer('cpu_period'),
    cpu_quota: r.integer('cpu_quota'),
    cpu_rt_period: r.integer('cpu_rt_period'),
    cpu_rt_runtime: r.integer('cpu_rt_runtime'),
    cpus: r.single('cpus'),
    cpuset: r.text('cpuset'),
    cpu_shares: r.integer('cpu_shares'),
    command: r.command('command'),
    configs: r.each('configs', readFileReference),
    container_name: r.text('container_name'),
    credential_spec: r.nested('credential_spec', readCredentialSpec),
    depends_on: r.byName('depends_on', readDependency),
    deploy: r.nested('deploy', readDeploy),
    device_cgroup_rules: r.list('device_cgroup_rules'),
    devices: r.each('devices', readDevice),
    dns: r.list('dns'),
    dns_opt: r.list('dns_opt'),
    dns_search: r.list('dns_search'),
    domainname: r.text('domainname'),
    entrypoint: r.command('entrypoint'),
    provider: r.nested('provider', readProvider),
    environment: r.pairs('environment'),
    env_file: r.each('env_file', readEnvFile),
    expose: r.list('expose'),
    extends: r.nested('extends', readExtends),
    external_links: r.list('external_links'),
    extra_hosts: readHosts(r, 'extra_hosts'),
    group_add: r.list('group_add'),
    gpus: r.each('gpus', readDeviceRequest),
    hostname: r.text('hostname'),
    healthcheck: r.nested('healthcheck', readHealthcheck),
    image: r.text('image'),
    init: r.flag('init', 'keep'),
    ipc: r.text('ipc'),
    isolation: r.text('isolation'),
    labels: r.strings('labels'),
    label_file: r.list('label_file'),
    links: r.list('links'),
    logging: r.nested('logging', readLogging),
  };
}

function readSecondHalf(r: Reader): Loose<Service> {
  return {
    mem_limit: r.bytes('mem_limit'),
    mem_reservation: r.bytes('mem_reservation'),
    memswap_limit: r.bytes('memswap_limit'),
    mem_swappiness: r.bytes('mem_swappiness'),
    mac_address: r.text('mac_address'),
    models: r.byName('models', readModelReference),
    network_mode: r.text('network_mode'),
    networks: r.byName('networks', readAttachment),
    oom_kill_disable: r.flag('oom_kill_disable'),
    oom_score_adj: r.integer('oom_score_adj'),
    pid: r.text('pid'),
    pids_limit: r.integer('pids_limit'),
    platform: r.text('platform'),
    ports: r.each('ports', readPort),
    privileged: r.flag('privileged'),
    pull_policy: r.text('pull_policy'),
    pull_refresh_after: r.text('pull_refresh_after'),
    read_only: r.flag('read_only'),
    restart: r.text('restart'),
    runtime: r.text('runtime'),
    scale: r.integer('scale', 'keep'),
    secrets: r.each('secrets', readFileReference),
    security_opt: r.list('security_opt'),
    shm_size: r.bytes('shm_size'),
    stdin_open: r.flag('stdin_open'),
    stop_grace_period: r.duration('stop_grace_period'),
    stop_signal: r.text('stop_signal'),
    storage_opt: r.strings('storage_opt'),
    sysctls: r.strings('sysctls'),
    tmpfs: r.list('tmpfs'),
    tty: r.flag('tty'),
    ulimits: readUlimits(r),
    use_api_socket: r.flag('use_api_socket'),
    user: r.text('user'),
    userns_mode: r.text('userns_mode'),
    uts: r.text('uts'),
    volumes: r.each('volumes', readMount),
    volumes_from: r.list('volumes_from'),
    working_dir: r.text('working_dir'),
    post_start: r.each('post_start', readHook),
    pre_stop: r.each('pre_stop', readHook),
  };
}

function readDependency(r: Reader): Dependency {
  return compact<Dependency>({
    condition: (r.text('condition') ?? 'service_started') as Dependency['condition'],
    restart: r.flag('restart'),
    required: r.flag('required', 'keep') ?? false,
  });
}

function readCredentialSpec(r: Reader): CredentialSpec {
  return compact<CredentialSpec>({
    config: r.text('config'),
    file: r.text('file'),
    registry: r.text('registry'),
  });
}

function readDevice(r: Reader): DeviceMapping {
  return compact<DeviceMapping>({
    source: r.text('source') ?? '',
    target: r.text('target') ?? '',
    permissions: r.text('permissions') ?? '',
  });
}

function readProvider(r: Reader): Provider {
  const options = r.byName('options', (_inner, name) => {
    const value = (r.raw('options') as Record<string, Tree>)[name] ?? null;
    return isList(value)
      ? (r.child('options').list(name) ?? [])
      : [r.child('options').text(name) ?? ''];
  });
  return compact<Provider>({ type: r.text('type') ?? '', options });
}

function readEnvFile(r: Reader): EnvFile {
  return compact<EnvFile>({
    path: r.text('path') ?? '',
    required: r.flag('required', 'keep'),
    format: r.text('format'),
  });
}

function readExtends(r: Reader): NonNullable<Service['extends']> {
  return compact<NonNullable<Service['extends']>>({
    file: r.text('file'),
    service: r.text('service') ?? '',
  });
}

function readHealthcheck(r: Reader): Healthcheck {
  const test = r.raw('test');
  return compact<Healthcheck>({
    test: typeof test === 'string' ? ['CMD-SHELL', test] : r.list('test'),
    timeout: r.duration('timeout'),
    interval: r.duration('interval'),
    retries: r.integer('retries', 'keep'),
    start_period: r.duration('start_period'),
    start_interval: r.duration('start_interval'),
    disable: r.flag('disable'),
  });
}

function readLogging(r: Reader): Logging {
  return compact<Logging>({ driver: r.text('driver'), options: r.strings('options') });
}

function readModelReference(r: Reader): ModelReference | null {
  if (r.keys().length === 0) return null;
  return compact<ModelReference>({
    endpoint_var: r.text('endpoint_var'),
    model_var: r.text('model_var'),
  });
}

function readAttachment(r: Reader): NetworkAttachment | null {
  if (r.isNull()) return null;
  return compact<NetworkAttachment>({
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

function readPort(r: Reader): Port {
  return compact<Port>({
    name: r.text('name'),
    mode: r.text('mode'),
    host_ip: r.text('host_ip'),
    target: r.integer('target') ?? 0,
    published: r.text('published'),
    protocol: r.text('protocol') ?? 'tcp',
    app_protocol: r.text('app_protocol'),
  });
}

export function readHook(r: Reader): Hook {
  return compact<Hook>({
    command: r.command('command'),
    user: r.text('user'),
    privileged: r.flag('privileged'),
    working_dir: r.text('working_dir'),
    environment: r.pairs('environment'),
  });
}

function readMount(r: Reader): Mount {
  return compact<Mount>({
    type: r.text('type') ?? '',
    source: r.text('source'),
    target: r.text('target') ?? '',
    read_only: r.flag('read_only'),
    consistency: r.text('consistency'),
    bind: r.nested('bind', (b) =>
      compact<NonNullable<Mount['bind']>>({
        selinux: b.text('selinux'),
        propagation: b.text('propagation'),
        create_host_path: b.flag('create_host_path'),
        recursive: b.text('recursive'),
      }),
    ),
    volume: r.nested('volume', (v) =>
      compact<NonNullable<Mount['volume']>>({
        labels: v.strings('labels'),
        nocopy: v.flag('nocopy'),
        subpath: v.text('subpath'),
      }),
    ),
    tmpfs: r.nested('tmpfs', (t) =>
      compact<NonNullable<Mount['tmpfs']>>({ size: t.bytes('size'), mode: readTmpfsMode(t) }),
    ),
    image: r.nested('image', (i) =>
      compact<NonNullable<Mount['image']>>({ subpath: i.text('subpath') }),
    ),
  });
}

function readTmpfsMode(r: Reader): number | undefined {
  const value = r.raw('mode');
  if (typeof value === 'string' && /^0[0-7]+$/.test(value)) return parseInt(value, 8);
  return r.integer('mode');
}

function readBlkio(r: Reader): BlkioConfig {
  const limit = (b: Reader): { Path: string; Rate: string } => ({
    Path: b.text('path') ?? '',
    Rate: b.bytes('rate') ?? '0',
  });
  return compact<BlkioConfig>({
    weight: r.integer('weight'),
    weight_device: r.each('weight_device', (b) => ({
      Path: b.text('path') ?? '',
      Weight: b.integer('weight') ?? 0,
    })),
    device_read_bps: r.each('device_read_bps', limit),
    device_read_iops: r.each('device_read_iops', limit),
    device_write_bps: r.each('device_write_bps', limit),
    device_write_iops: r.each('device_write_iops', limit),
  });
}

function readDevelop(r: Reader): Develop {
  const watch = r.each('watch', (w) =>
    compact<NonNullable<Develop['watch']>[number]>({
      path: w.text('path') ?? '',
      action: w.text('action') ?? '',
      target: w.text('target'),
      exec: w.nested('exec', readHook) ?? { command: null },
      include: w.list('include'),
      ignore: w.list('ignore'),
      initial_sync: w.flag('initial_sync'),
    }),
  );
  return compact<Develop>({ watch });
}
