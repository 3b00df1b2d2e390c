import type { NetworkMode } from '../../../manager/common/model/container.js';
import type { NetworkSpec, VolumeSpec } from '../../../manager/common/model/network.js';
import { requestsEncryption } from '../../../manager/common/model/network.js';
import type { NetworkAttachmentSpec } from '../../../manager/common/model/service.js';
import { isIpv4, isIpv6 } from '../check/ip-address.js';
import { omitUndefined } from '../decode/reader.js';
import type { NetworkAttachment, Project, ComposeService } from '../model.js';
import { networkLabels, volumeLabels } from './labels.js';
import { sharingOf, toMode } from './pods.js';
import { specError } from './spec-error.js';

/**
 * Specs of the networks that the project creates; external networks are referenced by name only.
 */
export function toNetworkSpecs(project: Project): NetworkSpec[] {
  return Object.entries(project.networks)
    .filter(([, network]) => network.external !== true)
    .map(([key, network]) => {
      refuseNetwork(project, key);
      refuseEncryption(project, key);
      const pool = network.ipam.config?.[0];
      return omitUndefined<NetworkSpec>({
        name: network.name,
        project: project.name,
        key,
        driver: 'overlay',
        subnet: pool?.subnet,
        gateway: pool?.gateway,
        reserved: pool?.aux_addresses && Object.values(pool.aux_addresses).sort(),
        ipRange: pool?.ip_range,
        internal: network.internal === true,
        attachable: network.attachable === true,
        labels: networkLabels(project, key),
        driverOpts: network.driver_opts ?? {},
      });
    });
}

function refuseEncryption(project: Project, key: string): void {
  const driverOpts = project.networks[key]?.driver_opts ?? {};
  if (!requestsEncryption({ driverOpts })) return;
  throw specError(
    project,
    ['networks', key, 'driver_opts', 'encrypted'],
    'is not supported: traffic between machines is not encrypted; remove the key',
  );
}

function refuseNetwork(project: Project, key: string): void {
  const network = project.networks[key];
  const refuse = (path: readonly (string | number)[], reason: string): never => {
    throw specError(project, ['networks', key, ...path], reason);
  };
  if (!['bridge', 'overlay', 'default', undefined].includes(network?.driver)) {
    refuse(
      ['driver'],
      `driver ${network?.driver ?? ''} is not supported: networks are overlays; remove the key driver`,
    );
  }
  if (network?.enable_ipv6 === true)
    refuse(['enable_ipv6'], 'IPv6 is not supported on overlay networks; remove the key');
  if (network?.enable_ipv4 === false)
    refuse(['enable_ipv4'], 'cannot be disabled: overlay networks use IPv4; remove the key');
  if (!['default', undefined].includes(network?.ipam.driver)) {
    refuse(
      ['ipam', 'driver'],
      'is not supported: the manager allocates addresses; remove the key driver',
    );
  }
  const pools = network?.ipam.config ?? [];
  if (pools.length > 1)
    refuse(['ipam', 'config', 1], 'an overlay network has one subnet; keep one');
  pools.forEach((pool, index) => {
    if (pool.subnet !== undefined && isIpv6(pool.subnet.split('/')[0] ?? '')) {
      refuse(
        ['ipam', 'config', index, 'subnet'],
        'IPv6 is not supported on overlay networks; set an IPv4 subnet',
      );
    }
    if (pool.subnet !== undefined) return;
    for (const key of ['ip_range', 'gateway', 'aux_addresses'] as const) {
      if (pool[key] === undefined) continue;
      refuse(['ipam', 'config', index, key], 'requires a subnet; set the subnet that contains it');
    }
  });
}

export function toVolumeSpecs(project: Project): VolumeSpec[] {
  return Object.entries(project.volumes).map(([key, volume]) => ({
    name: volume.name,
    project: project.name,
    key,
    driver: volume.driver ?? 'local',
    driverOpts: volume.driver_opts ?? {},
    labels: volumeLabels(project, key),
    external: volume.external === true,
  }));
}

export function toNetworkMode(
  project: Project,
  name: string,
  service: ComposeService,
): NetworkMode {
  const mode = service.network_mode ?? '';
  if (['', 'bridge', 'default'].includes(mode)) return { kind: 'networks' };
  if (mode === 'host' || mode === 'none') return { kind: mode };
  const { network } = sharingOf(project, name);
  if (network !== undefined) return { kind: 'service', service: network };
  throw specError(
    project,
    ['services', name, 'network_mode'],
    `"${mode}" is not supported; use host, none, bridge, service:NAME or container:NAME`,
  );
}

/**
 * Returns the attachments in the order in which the container joins them: by priority, then by
 * name.
 */
export function toAttachments(
  project: Project,
  name: string,
  service: ComposeService,
): NetworkAttachmentSpec[] {
  const networks = Object.entries(service.networks ?? {});
  const rank = (attachment: NetworkAttachment | null): number =>
    attachment?.gw_priority ?? attachment?.priority ?? 0;
  const sorted = networks.sort(
    ([a, left], [b, right]) => rank(right) - rank(left) || (a < b ? -1 : 1),
  );
  const mac = serviceMac(project, name, service);
  return sorted.map(([key, attachment], index) => {
    const path = ['services', name, 'networks', key];
    refuseAttachment(project, path, attachment);
    const own = attachment?.mac_address;
    return omitUndefined<NetworkAttachmentSpec>({
      network: project.networks[key]?.name ?? key,
      aliases: [...new Set([...(attachment?.aliases ?? []), ...linkAliases(project, name, key)])],
      ipv4Address: attachment?.ipv4_address,
      macAddress:
        own === undefined
          ? index === 0
            ? mac
            : undefined
          : parseMac(project, [...path, 'mac_address'], own),
      driverOpts: attachment?.driver_opts,
    });
  });
}

/** Validates the service's `mac_address`, which applies to its first network. */
function serviceMac(project: Project, name: string, service: ComposeService): string | undefined {
  if (service.mac_address === undefined) return undefined;
  const path = ['services', name, 'mac_address'];
  if (Object.keys(service.networks ?? {}).length === 0) {
    throw specError(
      project,
      path,
      'requires a network; add the service to a network or remove the key',
    );
  }
  return parseMac(project, path, service.mac_address);
}

/**
 * Validates a MAC address. It must be unique on the overlay, so the service has one replica at
 * most.
 */
function parseMac(project: Project, path: readonly string[], text: string): string {
  const mac = text.toLowerCase().replaceAll('-', ':');
  if (!/^[\da-f][02468ace](?::[\da-f]{2}){5}$/.test(mac)) {
    throw specError(
      project,
      path,
      `"${text}" is not a unicast MAC address; write 02:42:ac:11:00:02`,
    );
  }
  const mode = toMode(project, path[1] ?? '');
  if (mode.kind === 'global' || mode.replicas > 1) {
    throw specError(
      project,
      path,
      'requires a single replica; remove the key or set the replicas to 1',
    );
  }
  return mac;
}

const unsupportedKeys = ['ipv6_address', 'link_local_ips', 'interface_name'] as const;

function refuseAttachment(
  project: Project,
  path: readonly string[],
  attachment: NetworkAttachment | null,
): void {
  for (const key of unsupportedKeys) {
    if (attachment?.[key] === undefined) continue;
    throw specError(
      project,
      [...path, key],
      'is not supported on overlay networks; remove the key',
    );
  }
  const address = attachment?.ipv4_address;
  if (address !== undefined && !isIpv4(address)) {
    throw specError(
      project,
      [...path, 'ipv4_address'],
      `"${address}" is not an IPv4 address; write 10.1.0.5`,
    );
  }
}

/** Returns the aliases that other services define for this one by `links`, on a shared network. */
function linkAliases(project: Project, name: string, network: string): string[] {
  return Object.values(project.services).flatMap((other) => {
    if (other.networks === undefined || !(network in other.networks)) return [];
    return (other.links ?? []).flatMap((link) => {
      const [target, alias] = link.split(':');
      return target === name && alias !== undefined && alias !== name ? [alias] : [];
    });
  });
}
