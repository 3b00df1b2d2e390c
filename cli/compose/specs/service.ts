import type {
  ContainerSpec,
  EngineRestart,
  HealthcheckSpec,
  HookSpec,
} from '../../../manager/common/model/container.js';
import type {
  Dependency,
  Placement,
  PortSpec,
  Resources,
  RestartPolicy,
  ServiceSpec,
  UpdateConfig,
} from '../../../manager/common/model/service.js';
import { omitUndefined } from '../decode/reader.js';
import type { Hook, Project, ComposeService } from '../model.js';
import { serviceHash } from '../render.js';
import { toFileMounts, type Contents } from './files.js';
import { toContainerConfig, toHostConfig } from './host-config.js';
import { isJob, jobPolicy, restartCondition } from './jobs.js';
import { composeContainerLabels } from './labels.js';
import { toMounts } from './mounts.js';
import { toAttachments, toNetworkMode } from './networks.js';
import { impliedDependencies, sharingOf, toMode } from './pods.js';
import { specError } from './spec-error.js';
import { toBytes, toMs, toNanoCpus } from './units.js';
import { imageOf } from './names.js';

export function toServiceSpec(
  project: Project,
  name: string,
  service: ComposeService,
  contents: Contents,
): ServiceSpec {
  refuseKeys(project, name, service);
  const { update_config: update, rollback_config: rollback } = service.deploy ?? {};
  return omitUndefined<ServiceSpec>({
    name: `${project.name}_${name}`,
    project: project.name,
    service: name,
    labels: service.deploy?.labels ?? {},
    mode: toMode(project, name),
    task: omitUndefined<ServiceSpec['task']>({
      container: toContainer(project, name, service, contents),
      networks: toAttachments(project, name, service),
      ports: (service.ports ?? []).map(toPort),
      placement: toPlacement(service),
      resources: toResources(service),
      restart: toRestartPolicy(project, name, service),
    }),
    dependsOn: [...toDependencies(service), ...impliedDependencies(project, name)],
    endpointMode: service.deploy?.endpoint_mode === 'vip' ? 'vip' : 'dnsrr',
    halted: false,
    nameSeparator: project.nameSeparator,
    update: update && toUpdate(update),
    rollback: rollback && toUpdate(rollback),
    configHash: serviceHash(project, service),
  });
}

const refusedKeys: readonly (readonly [keyof ComposeService, string])[] = [
  [
    'external_links',
    'containers outside the project cannot be linked; use an external network to reach them',
  ],
  ['models', 'nodes have no model runner; remove the key'],
  ['provider', 'a service without containers cannot run in the cluster; remove the service'],
  ['use_api_socket', 'containers have no access to the engine of their node; remove the key'],
];

function refuseKeys(project: Project, name: string, service: ComposeService): void {
  for (const [key, reason] of refusedKeys) {
    if (service[key] !== undefined)
      throw specError(project, ['services', name, key], `not supported: ${reason}`);
  }
  const reservations = service.deploy?.resources.reservations;
  if (reservations?.generic_resources !== undefined) {
    throw specError(
      project,
      ['services', name, 'deploy', 'resources', 'reservations', 'generic_resources'],
      'not supported; use placement constraints on node labels',
    );
  }
}

function toContainer(
  project: Project,
  name: string,
  service: ComposeService,
  contents: Contents,
): ContainerSpec {
  const { ipc, pid, volumes } = sharingOf(project, name);
  return omitUndefined<ContainerSpec>({
    image: imageOf(project, name, service),
    platform: service.platform,
    pullPolicy: toPullPolicy(service),
    command: service.command ?? undefined,
    entrypoint: service.entrypoint ?? undefined,
    env: service.environment ?? {},
    labels: composeContainerLabels(project, name, service),
    hostname: service.hostname,
    healthcheck: service.healthcheck && toHealthcheck(service.healthcheck),
    mounts: toMounts(project, name),
    engineRestart: toEngineRestart(project, name, service),
    networkMode: toNetworkMode(project, name, service),
    ipcService: ipc,
    pidService: pid,
    volumesFrom: volumes.length === 0 ? undefined : volumes,
    containerName: service.container_name,
    stopSignal: service.stop_signal,
    stopGraceMs: toMs(service.stop_grace_period) ?? 10_000,
    tty: service.tty === true,
    stdinOpen: service.stdin_open === true,
    dns: service.dns ?? [],
    dnsSearch: service.dns_search ?? [],
    dnsOptions: service.dns_opt ?? [],
    extraHosts: (service.extra_hosts ?? []).map((host) => host.replace('=', ':')),
    postStart: service.post_start?.map(toHook),
    preStop: service.pre_stop?.map(toHook),
    files: toFileMounts(project, service, contents),
    config: toContainerConfig(project, name, service),
    hostConfig: toHostConfig(project, name, service),
  });
}

function toHook(hook: Hook): HookSpec {
  return omitUndefined<HookSpec>({
    command: hook.command ?? [],
    user: hook.user,
    privileged: hook.privileged === true,
    workingDir: hook.working_dir,
    env: hook.environment ?? {},
  });
}

function toPullPolicy(service: ComposeService): ContainerSpec['pullPolicy'] {
  const policy = service.pull_policy ?? 'missing';
  // The default name of a built image is not in any registry.
  if (service.build !== undefined && service.image === undefined) return 'never';
  if (policy === 'never') return 'never';
  // `up` applies refresh intervals; a rescheduled task uses the image on the node.
  return policy === 'always' ? 'always' : 'missing';
}

function toHealthcheck(check: NonNullable<ComposeService['healthcheck']>): HealthcheckSpec {
  if (check.disable === true) return { test: ['NONE'] };
  return omitUndefined<HealthcheckSpec>({
    test: check.test,
    intervalMs: toMs(check.interval),
    timeoutMs: toMs(check.timeout),
    startPeriodMs: toMs(check.start_period),
    startIntervalMs: toMs(check.start_interval),
    retries: check.retries,
  });
}

/**
 * Engine restart policy from `restart`; `deploy.restart_policy`, for the orchestrator, overrides
 * it.
 */
function toEngineRestart(project: Project, name: string, service: ComposeService): EngineRestart {
  const orchestrated = isJob(service) || service.deploy?.restart_policy !== undefined;
  if (service.restart === undefined || orchestrated) return { name: 'no' };
  const match = /^(no|always|unless-stopped|on-failure)(?::(\d+))?$/.exec(service.restart);
  const retries = match?.[2];
  if (match === null || (retries !== undefined && match[1] !== 'on-failure')) {
    throw specError(
      project,
      ['services', name, 'restart'],
      `"${service.restart}" is not a restart policy; use no, always, unless-stopped or on-failure[:N]`,
    );
  }
  const policy = match[1] as EngineRestart['name'];
  return retries === undefined ? { name: policy } : { name: policy, maxRetries: Number(retries) };
}

function toRestartPolicy(
  project: Project,
  name: string,
  service: ComposeService,
): RestartPolicy | undefined {
  if (isJob(service)) return jobPolicy(project, name, service);
  const policy = service.deploy?.restart_policy;
  if (policy === undefined) return undefined;
  return {
    condition: restartCondition(policy.condition),
    delayMs: toMs(policy.delay) ?? 5_000,
    maxAttempts: policy.max_attempts ?? 0,
    windowMs: toMs(policy.window) ?? 0,
  };
}

function toUpdate(
  config: NonNullable<NonNullable<ComposeService['deploy']>['update_config']>,
): UpdateConfig {
  return {
    parallelism: config.parallelism ?? 1,
    delayMs: toMs(config.delay) ?? 0,
    failureAction: (config.failure_action ?? 'pause') as UpdateConfig['failureAction'],
    monitorMs: toMs(config.monitor) ?? 5_000,
    maxFailureRatio: config.max_failure_ratio ?? 0,
    order: (config.order ?? 'stop-first') as UpdateConfig['order'],
  };
}

/**
 * Converts a port. The Compose default mode is `ingress`; as in docker compose, ports are host
 * ports.
 */
function toPort(port: NonNullable<ComposeService['ports']>[number]): PortSpec {
  const [first, last] = (port.published ?? '').split('-');
  return omitUndefined<PortSpec>({
    target: port.target,
    protocol: port.protocol.toLowerCase() as PortSpec['protocol'],
    published: first === '' || first === '0' || first === undefined ? undefined : Number(first),
    publishedEnd: last === undefined ? undefined : Number(last),
    hostIp: port.host_ip,
    mode: 'host',
  });
}

function toPlacement(service: ComposeService): Placement {
  const placement = service.deploy?.placement ?? {};
  return {
    constraints: placement.constraints ?? [],
    preferences: (placement.preferences ?? []).flatMap(({ spread }) =>
      spread === undefined ? [] : [spread],
    ),
    maxReplicasPerNode: placement.max_replicas_per_node ?? 0,
  };
}

function toResources(service: ComposeService): Resources {
  const { limits, reservations } = service.deploy?.resources ?? {};
  return {
    limits: omitUndefined<Resources['limits']>({
      nanoCpus: toNanoCpus(limits?.cpus ?? service.cpus),
      memoryBytes: toBytes(limits?.memory ?? service.mem_limit),
      pids: limits?.pids ?? service.pids_limit,
    }),
    reservations: {
      nanoCpus: toNanoCpus(reservations?.cpus) ?? 0,
      memoryBytes: toBytes(reservations?.memory ?? service.mem_reservation) ?? 0,
    },
  };
}

function toDependencies(service: ComposeService): Dependency[] {
  return Object.entries(service.depends_on ?? {}).map(
    ([other, { condition, restart, required }]) => ({
      service: other,
      condition,
      required,
      restart: restart === true,
    }),
  );
}
