import { unsentKeys } from './unsent-keys.js';

/**
 * Support of a Compose key. `docs/reference/compose.md` is generated from these tables, and a test
 * compares them with the schema, so that no key is ignored silently.
 */
export interface KeySupport {
  /**
   * `honoured`: has docker compose's meaning across the cluster. `engine`: passed to the engine of
   * the task's node. `refused`: an error with the place in the file.
   */
  readonly level: 'honoured' | 'engine' | 'refused';
  readonly note: string;
}

const honoured = (how: string): KeySupport => ({ level: 'honoured', note: how });
const engine = (how: string): KeySupport => ({ level: 'engine', note: how });
const refused = (how: string): KeySupport => ({ level: 'refused', note: how });

const passed = 'passed through unchanged';
const pod =
  '`service:NAME` refers to the same slot on the same node, both scale together; `container:NAME` only within the project';

export const serviceKeys: Readonly<Record<string, KeySupport>> = {
  annotations: engine(passed),
  attach: honoured('whether `up` shows its logs'),
  blkio_config: engine('device paths are those of the node'),
  build: honoured(
    'built on a node and distributed to the others; `ssh`, `entitlements`, `privileged`, `isolation`, `provenance` and `sbom` are refused',
  ),
  cap_add: engine(passed),
  cap_drop: engine(passed),
  cgroup: engine(passed),
  cgroup_parent: engine(passed),
  command: honoured('replaces the command of the image'),
  configs: honoured('a file in the container; changed content updates the service'),
  container_name: honoured('name of the only container, and a DNS name'),
  cpu_count: engine(passed),
  cpu_percent: engine(passed),
  cpu_period: engine(passed),
  cpu_quota: engine(passed),
  cpu_rt_period: engine(passed),
  cpu_rt_runtime: engine(passed),
  cpu_shares: engine(passed),
  cpus: honoured('limit, as `deploy.resources.limits.cpus`'),
  cpuset: engine('CPU numbers are those of the node'),
  credential_spec: engine(passed),
  depends_on: honoured('conditions apply across nodes'),
  deploy: honoured('see below'),
  develop: honoured('by `watch` and `up --watch`, in the containers of every node'),
  device_cgroup_rules: engine(passed),
  devices: engine('the node must have the device: add a placement constraint'),
  dns: engine('queried for names outside the cluster'),
  dns_opt: engine(passed),
  dns_search: engine(passed),
  domainname: engine(passed),
  entrypoint: honoured('replaces the entry point of the image'),
  env_file: honoured('read by the client, values are sent'),
  environment: honoured('values from the shell and `.env` are sent'),
  expose: honoured('informational; on an overlay every port is reachable'),
  extends: honoured('by the loader'),
  external_links: refused(
    'containers outside the project cannot be linked: use a network with `external: true`',
  ),
  extra_hosts: engine('`host-gateway` is the node that runs the container'),
  gpus: engine('the node must have them: add a placement constraint'),
  group_add: engine(passed),
  healthcheck: honoured('run by the engine; affects DNS answers, dependencies and updates'),
  hostname: honoured('the same for every replica'),
  image: honoured('pulled by each node that runs the service'),
  init: engine(passed),
  ipc: honoured(`\`host\`, \`shareable\`, \`private\`, \`none\`; ${pod}`),
  isolation: engine(passed),
  label_file: honoured('read by the client, values are sent'),
  labels: honoured('on every container'),
  links: honoured('a dependency, and the alias as a DNS name on shared networks'),
  logging: engine('`shoal logs` requires a driver that supports reading'),
  mac_address: honoured('of its only replica, on its first network'),
  mem_limit: honoured('limit, as `deploy.resources.limits.memory`'),
  mem_reservation: honoured('reserved on the node, as `deploy.resources.reservations.memory`'),
  mem_swappiness: engine(passed),
  memswap_limit: engine(passed),
  models: refused('nodes have no model runner'),
  network_mode: honoured(`\`host\`, \`none\`, \`bridge\`; ${pod}`),
  networks: honoured(
    'overlays; aliases, fixed IPv4 and MAC addresses, driver options; joined in the order of `gw_priority`, `priority` and name; IPv6 and link-local addresses and interface names are refused',
  ),
  oom_kill_disable: engine(passed),
  oom_score_adj: engine(passed),
  pid: honoured(`\`host\`; ${pod}`),
  pids_limit: honoured('limit, as `deploy.resources.limits.pids`'),
  platform: honoured('placed on matching nodes only'),
  ports: honoured(
    'published on the node that runs the container; two tasks never share a host port',
  ),
  post_start: honoured(
    'run by the worker after each start that it initiates; a failure stops the container, and `up` reports the reason',
  ),
  pre_stop: honoured(
    'run by the worker before it stops the container; a failure does not prevent the stop',
  ),
  privileged: engine(passed),
  profiles: honoured('by the loader'),
  provider: refused('a service without containers cannot run in the cluster'),
  pull_policy: honoured(
    '`up` pulls (with your credentials), refreshes by age or builds accordingly; later a node starts its local image if no registry answers',
  ),
  pull_refresh_after: honoured('with `pull_policy: refresh`'),
  read_only: engine(passed),
  restart: engine('the engine restarts in place; tasks of a failed node are always rescheduled'),
  runtime: engine('must be available on the node'),
  scale: honoured('replicas'),
  secrets: honoured('a file in the memory of the container; changed content updates the service'),
  security_opt: engine(passed),
  shm_size: engine(passed),
  stdin_open: engine(passed),
  stop_grace_period: honoured('time between stop signal and kill, also during updates'),
  stop_signal: engine(passed),
  storage_opt: engine(passed),
  sysctls: engine(passed),
  tmpfs: engine(passed),
  tty: engine(passed),
  ulimits: engine(passed),
  use_api_socket: refused('containers have no access to the engine of their node'),
  user: engine(passed),
  userns_mode: engine(passed),
  uts: engine('`host`; the engine does not share it between containers'),
  volumes: honoured(
    'a task stays on the node of its named volumes; bind mounts are paths on the node; `cluster` and `npipe` are refused',
  ),
  volumes_from: honoured(`all mounts of the other service except secrets and configs; ${pod}`),
  working_dir: engine(passed),
};

export const deployKeys: Readonly<Record<string, KeySupport>> = {
  endpoint_mode: honoured(
    '`dnsrr`: all healthy replicas, shuffled; `vip` behaves the same, there are no virtual addresses',
  ),
  labels: honoured('on the service, not on its containers'),
  mode: honoured(
    '`replicated`, `global`; a task of `replicated-job` and `global-job` runs to completion and again only after a change of the service',
  ),
  placement: honoured('constraints, spread preferences, `max_replicas_per_node`'),
  replicas: honoured('number of slots'),
  resources: honoured(
    'the engine enforces limits, the scheduler reservations; `generic_resources` are refused',
  ),
  restart_policy: honoured('a new task in the same slot, on a node that the scheduler chooses'),
  rollback_config: honoured(
    'as `update_config`, for `shoal rollback` and automatic rollback; default: one container at a time',
  ),
  update_config: honoured(
    'an update waits until each batch is running or healthy; failures within `monitor` count against `max_failure_ratio`, then `pause` stops the update and `rollback` restores the last completed spec',
  ),
};

export const networkKeys: Readonly<Record<string, KeySupport>> = {
  attachable: honoured('whether standalone containers may join'),
  driver: honoured('omitted, `bridge` and `overlay` all create an overlay; others are refused'),
  driver_opts: engine('passed to the bridge on each node'),
  enable_ipv4: refused('`false` is refused: overlays use IPv4'),
  enable_ipv6: refused('`true` is refused: overlays use IPv4'),
  external: honoured('must exist in the cluster'),
  internal: honoured('no external connectivity'),
  ipam: honoured(
    'one IPv4 subnet with `ip_range`; each node has its own gateway, the first node `gateway`; `aux_addresses` are never allocated',
  ),
  labels: honoured('on the network'),
  name: honoured('name in the cluster'),
};

export const volumeKeys: Readonly<Record<string, KeySupport>> = {
  driver: engine('must be available on the node'),
  driver_opts: engine(passed),
  external: honoured('must already exist on the node'),
  labels: honoured('on the volume'),
  name: honoured('name in the cluster'),
};

export const secretKeys: Readonly<Record<string, KeySupport>> = {
  content: honoured('configs only'),
  driver: refused('contents come from a file or a variable of the client'),
  driver_opts: refused('contents come from a file or a variable of the client'),
  environment: honoured('the variable is read by the client'),
  external: honoured('must exist in the cluster'),
  file: honoured('read by the client'),
  labels: honoured('on the object'),
  name: honoured('name in the cluster, with a hash of the content'),
  template_driver: refused('templates are not expanded'),
};

/** Environment variables of docker compose and their support. */
const variables: readonly (readonly [names: string, how: string])[] = [
  [
    '`COMPOSE_FILE`, `COMPOSE_PATH_SEPARATOR`, `COMPOSE_PROJECT_NAME`, `COMPOSE_PROFILES`, `COMPOSE_ENV_FILES`, `COMPOSE_DISABLE_ENV_FILE`',
    'as in docker compose, also from `.env`',
  ],
  ['`COMPOSE_PARALLEL_LIMIT`', 'number of images pulled and pushed concurrently, as `--parallel`'],
  [
    '`COMPOSE_PROGRESS`, `COMPOSE_ANSI`, `COMPOSE_STATUS_STDOUT`, `NO_COLOR`',
    'as in docker compose',
  ],
  ['`COMPOSE_COMPATIBILITY`', '`config` does not normalize the model, as with `--compatibility`'],
  ['`COMPOSE_IGNORE_ORPHANS`, `COMPOSE_REMOVE_ORPHANS`', 'as in docker compose, for `up`'],
  [
    '`DOCKER_CONFIG`, `DOCKER_BUILDKIT`',
    'folder of the registry credentials; 1 builds everything with BuildKit, 0 only builds with secrets or inline cache',
  ],
  [
    '`COMPOSE_MENU`, `COMPOSE_BAKE`, `COMPOSE_CONVERT_WINDOWS_PATHS`, `COMPOSE_EXPERIMENTAL_GIT_REMOTE`, `COMPOSE_EXPERIMENTAL_OCI_REMOTE`, `DOCKER_DEFAULT_PLATFORM`',
    'not read',
  ],
];

/** Generates `docs/reference/compose.md`. */
export function keyDocument(): string {
  const sections: readonly (readonly [string, Readonly<Record<string, KeySupport>>])[] = [
    ['`services.<name>`', serviceKeys],
    ['`services.<name>.deploy`', deployKeys],
    ['`networks.<name>`', networkKeys],
    ['`volumes.<name>`', volumeKeys],
    ['`secrets.<name>` and `configs.<name>`', secretKeys],
  ];
  return [
    '# Compose keys',
    '',
    'Every key of the Compose specification is **honoured** by the cluster, passed to the **engine** of the',
    "task's node, or **refused** with the place in the file. These tables are generated from",
    '`cli/compose/specs/keys.ts`; a test compares them.',
    '',
    'The loader handles `include`, `extends`, `name`, `version`, `profiles` and `x-*`. Includes are loaded before `extends`, so that a service can extend one of an included file. Top-level `models` are parsed but not used.',
    ...sections.flatMap(([title, keys]) => ['', `## ${title}`, '', ...rows(keys)]),
    '',
    '## Environment variables',
    '',
    ...variables.map(([names, how]) => `- ${names}: ${how}`),
    '',
    '## Keys that are not sent',
    '',
    'Only these keys, at any depth, have no effect on the specs sent to the cluster:',
    '',
    ...Object.entries(unsentKeys).map(([key, where]) => `- \`${key}\`: ${where}`),
    '',
  ].join('\n');
}

function rows(keys: Readonly<Record<string, KeySupport>>): string[] {
  const lines = Object.entries(keys).map(
    ([key, fate]) => [`\`${key}\``, fate.level, fate.note] as const,
  );
  const width = (column: 0 | 1 | 2, title: string): number =>
    Math.max(title.length, ...lines.map((line) => line[column].length));
  const widths = [width(0, 'key'), width(1, 'support'), width(2, 'notes')] as const;
  const row = (cells: readonly [string, string, string]): string =>
    `| ${cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join(' | ')} |`;
  return [
    row(['key', 'support', 'notes']),
    `| ${widths.map((size) => '-'.repeat(size)).join(' | ')} |`,
    ...lines.map(row),
  ];
}
