import { quietKeys } from './quiet-keys.js';

/**
 * Where each key of the specification ends up. `docs/compose.md` is this table, and a test holds it
 * against the schema, so that no key is dropped without a word.
 */
export interface KeyFate {
  /**
   * `honoured`: means what it means to docker compose, all over the cluster. `engine`: handed to the
   * engine of the node that was chosen. `refused`: an error with the place in the file.
   */
  readonly place: 'honoured' | 'engine' | 'refused';
  readonly how: string;
}

const honoured = (how: string): KeyFate => ({ place: 'honoured', how });
const engine = (how: string): KeyFate => ({ place: 'engine', how });
const refused = (how: string): KeyFate => ({ place: 'refused', how });

const passed = 'passed on as it is';
const pod =
  '`service:NAME` is the same slot on the same node, both scale together; `container:NAME` only of the project';

export const serviceKeys: Readonly<Record<string, KeyFate>> = {
  annotations: engine(passed),
  attach: honoured('whose logs `up` shows'),
  blkio_config: engine('device paths are those of the node'),
  build: honoured(
    'built on a node and carried to the others; `ssh`, `entitlements`, `privileged`, `isolation`, `provenance`, `sbom` are refused',
  ),
  cap_add: engine(passed),
  cap_drop: engine(passed),
  cgroup: engine(passed),
  cgroup_parent: engine(passed),
  command: honoured('replaces the command of the image'),
  configs: honoured('a file in the container; changed content rolls the service'),
  container_name: honoured('name of the one container, and a DNS name'),
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
  depends_on: honoured('conditions hold across nodes'),
  deploy: honoured('see below'),
  develop: honoured('by `watch` and `up --watch`, in the containers of every node'),
  device_cgroup_rules: engine(passed),
  devices: engine('the node must have the device: constrain the service to such nodes'),
  dns: engine('asked for names the cluster does not know'),
  dns_opt: engine(passed),
  dns_search: engine(passed),
  domainname: engine(passed),
  entrypoint: honoured('replaces the entry point of the image'),
  env_file: honoured('read here, values are sent'),
  environment: honoured('values of this shell and of `.env` are sent'),
  expose: honoured('shown; on an overlay every port is reachable'),
  extends: honoured('by the loader'),
  external_links: refused(
    'containers outside the project have no place in it: share a network by `external: true`',
  ),
  extra_hosts: engine('`host-gateway` is the node that runs the container'),
  gpus: engine('the node must have them: constrain the service to such nodes'),
  group_add: engine(passed),
  healthcheck: honoured('run by the engine; decides on DNS answers, dependencies and updates'),
  hostname: honoured('of every replica'),
  image: honoured('pulled by each node that runs it'),
  init: engine(passed),
  ipc: honoured(`\`host\`, \`shareable\`, \`private\`, \`none\`; ${pod}`),
  isolation: engine(passed),
  label_file: honoured('read here, values are sent'),
  labels: honoured('on every container'),
  links: honoured('a dependency, and the alias as a name in the networks both are in'),
  logging: engine('`logs` needs a driver that can be read'),
  mac_address: honoured('of its one replica, in its first network'),
  mem_limit: honoured('limit, as `deploy.resources.limits.memory`'),
  mem_reservation: honoured('reserved on the node, as `deploy.resources.reservations.memory`'),
  mem_swappiness: engine(passed),
  memswap_limit: engine(passed),
  models: refused('there is no model runner on the nodes'),
  network_mode: honoured(`\`host\`, \`none\`, \`bridge\`; ${pod}`),
  networks: honoured(
    'overlays; aliases, fixed IPv4 and MAC addresses, driver options; joined in order of `gw_priority`, `priority` and name; IPv6, link-local addresses and names of interfaces are refused',
  ),
  oom_kill_disable: engine(passed),
  oom_score_adj: engine(passed),
  pid: honoured(`\`host\`; ${pod}`),
  pids_limit: honoured('limit, as `deploy.resources.limits.pids`'),
  platform: honoured('placed on such nodes only'),
  ports: honoured(
    'published on the node that runs the container; two tasks never share a host port',
  ),
  post_start: honoured(
    'run by the worker after each start of its own; one that fails ends the container, and `up` says why',
  ),
  pre_stop: honoured(
    'run by the worker before it stops the container; one that fails stops nothing',
  ),
  privileged: engine(passed),
  profiles: honoured('by the loader'),
  provider: refused("a service without containers is not the cluster's"),
  pull_policy: honoured(
    '`up` pulls (with your credentials), refreshes by age or builds as it says; later a node starts what it has when no registry answers',
  ),
  pull_refresh_after: honoured('with `pull_policy: refresh`'),
  read_only: engine(passed),
  restart: engine(
    "the engine restarts in place; a lost node's tasks are replaced elsewhere whatever it says",
  ),
  runtime: engine('the node must have it'),
  scale: honoured('replicas'),
  secrets: honoured('a file in memory of the container; changed content rolls the service'),
  security_opt: engine(passed),
  shm_size: engine(passed),
  stdin_open: engine(passed),
  stop_grace_period: honoured('before a kill, also when rolling'),
  stop_signal: engine(passed),
  storage_opt: engine(passed),
  sysctls: engine(passed),
  tmpfs: engine(passed),
  tty: engine(passed),
  ulimits: engine(passed),
  use_api_socket: refused('a container would get hold of the engine of its node'),
  user: engine(passed),
  userns_mode: engine(passed),
  uts: engine('`host`; an engine shares no other'),
  volumes: honoured(
    'named volumes keep the service on the node that has them; bind mounts are paths of the node; `cluster` and `npipe` are refused',
  ),
  volumes_from: honoured(`all mounts of the other service but its secrets and configs; ${pod}`),
  working_dir: engine(passed),
};

export const deployKeys: Readonly<Record<string, KeyFate>> = {
  endpoint_mode: honoured(
    '`dnsrr`: all healthy replicas, shuffled; `vip` is answered the same way, there are no virtual addresses',
  ),
  labels: honoured('on the service, not on its containers'),
  mode: honoured(
    '`replicated`, `global`; a task of `replicated-job` and `global-job` runs to its end, again only when the service is changed',
  ),
  placement: honoured('constraints, spread preferences, `max_replicas_per_node`'),
  replicas: honoured('number of slots'),
  resources: honoured(
    'limits by the engine, reservations by the scheduler; `generic_resources` are refused',
  ),
  restart_policy: honoured('a new task in the same slot, where the scheduler wants it'),
  rollback_config: honoured(
    'as `update_config`, for `shoal rollback` and for going back by itself; without it one container at a time',
  ),
  update_config: honoured(
    'an update waits for each batch to serve; what fails within `monitor` counts against `max_failure_ratio`, then `pause` holds the rest and `rollback` goes back to the last spec that stood',
  ),
};

export const networkKeys: Readonly<Record<string, KeyFate>> = {
  attachable: honoured('whether single containers may join'),
  driver: honoured('none, `bridge` and `overlay` are the overlay; others are refused'),
  driver_opts: engine('to the bridge of each node'),
  enable_ipv4: refused('`false` is refused: overlays are IPv4'),
  enable_ipv6: refused('`true` is refused: overlays are IPv4'),
  external: honoured('must exist in the cluster'),
  internal: honoured('no way out'),
  ipam: honoured(
    'one IPv4 subnet with `ip_range`; each node has a gateway of its own, the first one `gateway`; `aux_addresses` are given to nobody',
  ),
  labels: honoured('on the network'),
  name: honoured('name in the cluster'),
};

export const volumeKeys: Readonly<Record<string, KeyFate>> = {
  driver: engine('the node must have it'),
  driver_opts: engine(passed),
  external: honoured('must be on the node already'),
  labels: honoured('on the volume'),
  name: honoured('name in the cluster'),
};

export const secretKeys: Readonly<Record<string, KeyFate>> = {
  content: honoured('configs only'),
  driver: refused('contents come from a file or a variable of this machine'),
  driver_opts: refused('contents come from a file or a variable of this machine'),
  environment: honoured('the variable is read here'),
  external: honoured('must exist in the cluster'),
  file: honoured('read here'),
  labels: honoured('on the object'),
  name: honoured('name in the cluster, with a hash of the content'),
  template_driver: refused('templates are not expanded'),
};

/** What docker compose reads from the environment, and what it is here. */
const variables: readonly (readonly [names: string, how: string])[] = [
  [
    '`COMPOSE_FILE`, `COMPOSE_PATH_SEPARATOR`, `COMPOSE_PROJECT_NAME`, `COMPOSE_PROFILES`, `COMPOSE_ENV_FILES`, `COMPOSE_DISABLE_ENV_FILE`',
    "docker compose's, also from `.env`",
  ],
  ['`COMPOSE_PARALLEL_LIMIT`', 'images pulled and pushed at the same time, as `--parallel`'],
  ['`COMPOSE_PROGRESS`, `COMPOSE_ANSI`, `COMPOSE_STATUS_STDOUT`, `NO_COLOR`', "docker compose's"],
  ['`COMPOSE_IGNORE_ORPHANS`, `COMPOSE_REMOVE_ORPHANS`', "docker compose's, for `up`"],
  [
    '`DOCKER_CONFIG`, `DOCKER_BUILDKIT`',
    'where credentials are read; 1 builds all with BuildKit, 0 nothing that can do without',
  ],
  [
    '`COMPOSE_MENU`, `COMPOSE_COMPATIBILITY`, `COMPOSE_BAKE`, `COMPOSE_CONVERT_WINDOWS_PATHS`, `COMPOSE_EXPERIMENTAL_GIT_REMOTE`, `COMPOSE_EXPERIMENTAL_OCI_REMOTE`, `DOCKER_DEFAULT_PLATFORM`',
    'not read',
  ],
];

/** The document as text. */
export function keyDocument(): string {
  const sections: readonly (readonly [string, Readonly<Record<string, KeyFate>>])[] = [
    ['`services.<name>`', serviceKeys],
    ['`services.<name>.deploy`', deployKeys],
    ['`networks.<name>`', networkKeys],
    ['`volumes.<name>`', volumeKeys],
    ['`secrets.<name>` and `configs.<name>`', secretKeys],
  ];
  return [
    '# Compose keys',
    '',
    'Every key of the Compose specification ends in one of three places: **honoured** by the cluster, handed to the',
    '**engine** of the node that was chosen, or **refused** with the place in the file. This table is written from',
    '`cli/compose/specs/keys.ts`; a test keeps both equal.',
    '',
    "`include`, `extends`, `name`, `version`, `profiles` and `x-*` are the loader's. Top-level `models` are read and not used.",
    ...sections.flatMap(([title, keys]) => ['', `## ${title}`, '', ...rows(keys)]),
    '',
    '## Variables of the environment',
    '',
    ...variables.map(([names, how]) => `- ${names}: ${how}`),
    '',
    '## Keys that are not sent',
    '',
    'Of all keys, however deep, these alone change nothing of what is sent to the cluster:',
    '',
    ...Object.entries(quietKeys).map(([key, where]) => `- \`${key}\`: ${where}`),
    '',
  ].join('\n');
}

function rows(keys: Readonly<Record<string, KeyFate>>): string[] {
  const lines = Object.entries(keys).map(
    ([key, fate]) => [`\`${key}\``, fate.place, fate.how] as const,
  );
  const width = (column: 0 | 1 | 2, title: string): number =>
    Math.max(title.length, ...lines.map((line) => line[column].length));
  const widths = [width(0, 'key'), width(1, 'place'), width(2, 'how')] as const;
  const row = (cells: readonly [string, string, string]): string =>
    `| ${cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join(' | ')} |`;
  return [
    row(['key', 'place', 'how']),
    `| ${widths.map((size) => '-'.repeat(size)).join(' | ')} |`,
    ...lines.map(row),
  ];
}
