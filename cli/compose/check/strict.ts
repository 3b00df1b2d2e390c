import { parseConstraint } from '../../../manager/common/model/constraint.js';
import { messageOf } from '../../../manager/common/base/errors.js';
import { closest } from './closest.js';
import { isIp, isIpv4, isIpv6 } from './ip-address.js';
import type { Refuse } from './check-project.js';
import type { Port, Project, ComposeService } from '../model.js';

/**
 * Checks values of enabled services that docker compose accepts, leaves to the engine or garbles,
 * but that the scheduler must understand before anything runs on a node.
 */
export function checkStrict(
  project: Project,
  refuse: Refuse,
  warn: (message: string) => void,
): void {
  for (const [name, service] of Object.entries(project.services)) {
    const at: Refuse = (path, message) => refuse(['services', name, ...path], message);
    checkEnums(service, at);
    checkNumbers(service, at);
    checkPlacement(service, at);
    checkPorts(service, at);
    checkAddresses(service, at);
    checkFileOwners(service, at);
    checkExpose(service, (path, message) => {
      warn(`${project.locate(['services', name, ...path])}: ${message}`);
    });
  }
  checkSubnets(project, refuse);
}

function oneOf(
  value: string | undefined,
  allowed: readonly string[],
  path: readonly (string | number)[],
  refuse: Refuse,
): void {
  if (value === undefined || allowed.includes(value)) return;
  const suggestion = closest(value, allowed);
  refuse(
    path,
    `"${value}" is not a valid value; use one of ${allowed.join(', ')}${suggestion === undefined ? '' : `; did you mean ${suggestion}?`}`,
  );
}

function checkEnums(service: ComposeService, refuse: Refuse): void {
  const { deploy } = service;
  if (
    service.restart !== undefined &&
    !/^(no|always|unless-stopped|on-failure(:\d+)?)$/.test(service.restart)
  ) {
    refuse(
      ['restart'],
      `"${service.restart}" is not a valid value; use no, always, unless-stopped or on-failure[:N]`,
    );
  }
  if (
    service.container_name !== undefined &&
    !/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(service.container_name)
  ) {
    refuse(
      ['container_name'],
      `"${service.container_name}" is not a container name; use letters, digits, _, . and -`,
    );
  }
  const pull =
    /^(always|never|build|if_not_present|missing|refresh|daily|weekly|every_([0-9]+[wdhms])+)$/;
  if (service.pull_policy !== undefined && !pull.test(service.pull_policy)) {
    refuse(
      ['pull_policy'],
      `"${service.pull_policy}" is not a valid value; use always, never, missing, build, daily, weekly or every_<duration>`,
    );
  }
  oneOf(
    deploy?.mode,
    ['replicated', 'global', 'replicated-job', 'global-job'],
    ['deploy', 'mode'],
    refuse,
  );
  oneOf(deploy?.endpoint_mode, ['vip', 'dnsrr'], ['deploy', 'endpoint_mode'], refuse);
  oneOf(
    deploy?.restart_policy?.condition,
    ['none', 'on-failure', 'any', 'always', 'unless-stopped'],
    ['deploy', 'restart_policy', 'condition'],
    refuse,
  );
  oneOf(
    deploy?.update_config?.failure_action,
    ['pause', 'continue', 'rollback'],
    ['deploy', 'update_config', 'failure_action'],
    refuse,
  );
  oneOf(
    deploy?.rollback_config?.failure_action,
    ['pause', 'continue'],
    ['deploy', 'rollback_config', 'failure_action'],
    refuse,
  );
}

/** Largest value accepted by every engine: a signed 32-bit integer. */
const maxCount = 2 ** 31 - 1;

function checkNumbers(service: ComposeService, refuse: Refuse): void {
  for (const [path, count] of countsOf(service)) {
    if (count === undefined || (count >= 0 && count <= maxCount)) continue;
    refuse(path, `${String(count)} is out of range; use 0 to ${String(maxCount)}`);
  }
  for (const [path, amount] of amountsOf(service)) {
    if (Number(amount ?? 0) < 0) refuse(path, `${String(amount)} is negative; use more than 0`);
  }
  for (const [path, period] of periodsOf(service)) {
    if (period?.startsWith('-') === true) refuse(path, `${period} is negative; use 0 or more`);
  }
}

type At<T> = readonly (readonly [path: readonly string[], value: T | undefined])[];

function countsOf({ scale, deploy, healthcheck }: ComposeService): At<number> {
  return [
    [['scale'], scale],
    [['deploy', 'replicas'], deploy?.replicas],
    [['deploy', 'placement', 'max_replicas_per_node'], deploy?.placement.max_replicas_per_node],
    [['deploy', 'update_config', 'parallelism'], deploy?.update_config?.parallelism],
    [['deploy', 'restart_policy', 'max_attempts'], deploy?.restart_policy?.max_attempts],
    [['healthcheck', 'retries'], healthcheck?.retries],
  ];
}

function amountsOf(service: ComposeService): At<number | string> {
  const { limits, reservations } = service.deploy?.resources ?? {};
  return [
    [['cpus'], service.cpus],
    [['deploy', 'resources', 'limits', 'cpus'], limits?.cpus],
    [['deploy', 'resources', 'reservations', 'cpus'], reservations?.cpus],
    [['mem_limit'], service.mem_limit],
    [['mem_reservation'], service.mem_reservation],
    [['shm_size'], service.shm_size],
  ];
}

function periodsOf(service: ComposeService): At<string> {
  const { deploy, healthcheck } = service;
  return [
    [['stop_grace_period'], service.stop_grace_period],
    ...(['interval', 'timeout', 'start_period', 'start_interval'] as const).map(
      (key) => [['healthcheck', key], healthcheck?.[key]] as const,
    ),
    ...(['delay', 'window'] as const).map(
      (key) => [['deploy', 'restart_policy', key], deploy?.restart_policy?.[key]] as const,
    ),
    ...(['delay', 'monitor'] as const).map(
      (key) => [['deploy', 'update_config', key], deploy?.update_config?.[key]] as const,
    ),
  ];
}

function checkPlacement(service: ComposeService, refuse: Refuse): void {
  service.deploy?.placement.constraints?.forEach((constraint, index) => {
    try {
      parseConstraint(constraint);
    } catch (error) {
      refuse(['deploy', 'placement', 'constraints', index], messageOf(error));
    }
  });
}

function checkPorts(service: ComposeService, refuse: Refuse): void {
  const taken = new Map<string, number>();
  service.ports?.forEach((port, index) => {
    const path = ['ports', index];
    oneOf(port.mode, ['ingress', 'host'], [...path, 'mode'], refuse);
    oneOf(port.protocol.toLowerCase(), ['tcp', 'udp', 'sctp'], [...path, 'protocol'], refuse);
    if (port.target < 1 || port.target > 65535) {
      refuse([...path, 'target'], `${String(port.target)} is not a port; use 1 to 65535`);
    }
    for (const key of publishedKeys(port, path, refuse)) {
      const other = taken.get(key);
      if (other !== undefined)
        refuse(path, `host port ${key} is already published by ports.${String(other)}; remove one`);
      taken.set(key, index);
    }
  });
}

/** Host ports that a port occupies; empty for a range, of which the engine chooses one. */
function publishedKeys(port: Port, path: readonly (string | number)[], refuse: Refuse): string[] {
  const published = port.published ?? '';
  if (published === '') return [];
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(published);
  const [first, last] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  if (match === null || first > last || last > 65535) {
    refuse(
      [...path, 'published'],
      `"${published}" is not a port or a range of ports; use 0 to 65535`,
    );
  }
  return first !== last || first === 0
    ? []
    : [`${port.host_ip ?? '0.0.0.0'}:${published}/${port.protocol.toLowerCase()}`];
}

function checkAddresses(service: ComposeService, refuse: Refuse): void {
  for (const [name, attachment] of Object.entries(service.networks ?? {})) {
    const { ipv4_address: v4, ipv6_address: v6 } = attachment ?? {};
    if (v4 !== undefined && !isIpv4(v4))
      refuse(['networks', name, 'ipv4_address'], `"${v4}" is not an IPv4 address; write 10.1.0.5`);
    if (v6 !== undefined && !isIpv6(v6))
      refuse(
        ['networks', name, 'ipv6_address'],
        `"${v6}" is not an IPv6 address; write 2001:db8::5`,
      );
  }
}

/** Checks the owners of secrets and configs, which nodes set without a user database. */
function checkFileOwners(service: ComposeService, refuse: Refuse): void {
  for (const kind of ['secrets', 'configs'] as const) {
    service[kind]?.forEach((file, index) => {
      for (const key of ['uid', 'gid'] as const) {
        const id = file[key];
        if (id === undefined || (/^[0-9]{1,10}$/.test(id) && Number(id) <= maxOwner)) continue;
        refuse([kind, index, key], `"${id}" is not a numeric id; use 0 to ${String(maxOwner)}`);
      }
    });
  }
}

/** Largest id of a user or group; 2^32 - 1 means "unchanged". */
const maxOwner = 2 ** 32 - 2;

function checkExpose(
  service: ComposeService,
  warn: (path: readonly (string | number)[], message: string) => void,
): void {
  service.expose?.forEach((port, index) => {
    if (!/^\d{1,5}(-\d{1,5})?(\/(tcp|udp|sctp))?$/i.test(port)) {
      warn(['expose', index], `"${port}" is not a port; write PORT[-END][/PROTOCOL]`);
    }
  });
}

function checkSubnets(project: Project, refuse: Refuse): void {
  for (const [name, network] of Object.entries(project.networks)) {
    network.ipam.config?.forEach((pool, index) => {
      const path = ['networks', name, 'ipam', 'config', index];
      for (const key of ['subnet', 'ip_range'] as const) {
        const value = pool[key];
        if (value !== undefined && !isSubnet(value)) {
          refuse([...path, key], `"${value}" is not a subnet; write ADDRESS/BITS as 10.1.0.0/16`);
        }
      }
      if (pool.gateway !== undefined && !isIp(pool.gateway.split('/')[0] ?? '')) {
        refuse([...path, 'gateway'], `"${pool.gateway}" is not an IP address; write 10.1.0.1`);
      }
    });
  }
}

function isSubnet(text: string): boolean {
  const [address = '', bits = ''] = text.split('/');
  const longest = isIpv4(address) ? 32 : isIpv6(address) ? 128 : -1;
  return /^\d{1,3}$/.test(bits) && Number(bits) <= longest;
}
