import type { ConsulAgent } from './consul-agent.js';
import type { ConsulFiles } from './consul-files.js';
import { certificatePaths, managerPort, remotePaths } from '../inventory/remote-paths.js';
import { bracketIpv6 } from '../inventory/machine-record.js';

/** A machine's membership in a cluster, the input for its manager and worker settings. */
export interface ClusterMembership {
  readonly clusterId: string;
  readonly clusterName: string;
  readonly nodeId: string;
  readonly role: 'manager' | 'worker';
  readonly strategy: string;
  /** `ADDRESS:PORT` of every manager. */
  readonly managers: readonly string[];
  /** `consul://…`; undefined for the embedded store. */
  readonly discovery?: string | undefined;
  /** The manager's credentials for Consul. */
  readonly consulFiles?: ConsulFiles | undefined;
  /** The Consul agent to run on the machine. */
  readonly consulAgent?: ConsulAgent | undefined;
}

export interface MachineIdentity {
  readonly name: string;
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
}

function toText(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

export function managerSettings(machine: MachineIdentity, membership: ClusterMembership): string {
  return toText({
    clusterId: membership.clusterId,
    clusterName: membership.clusterName,
    nodeId: membership.nodeId,
    listen: `0.0.0.0:${String(managerPort)}`,
    advertise: `${bracketIpv6(machine.address)}:${String(managerPort)}`,
    dataDir: `${remotePaths.data}/manager`,
    pki: {
      ca: remotePaths.ca,
      ...certificatePaths.manager,
      intermediate: certificatePaths.intermediate,
    },
    strategy: membership.strategy,
    ...(membership.discovery === undefined ? {} : { discovery: membership.discovery }),
    ...consulClient(membership.consulFiles),
  });
}

function consulClient({ token, ca, cert, key }: ConsulFiles = {}): object {
  const tls =
    ca === undefined
      ? {}
      : {
          tls: {
            ca: remotePaths.consulCa,
            ...(cert === undefined ? {} : { cert: remotePaths.consulCert }),
            ...(key === undefined ? {} : { key: remotePaths.consulKey }),
          },
        };
  const consul = { ...(token === undefined ? {} : { tokenFile: remotePaths.consulToken }), ...tls };
  return Object.keys(consul).length === 0 ? {} : { consul };
}

export function workerSettings(machine: MachineIdentity, membership: ClusterMembership): string {
  return toText({
    clusterId: membership.clusterId,
    nodeId: membership.nodeId,
    name: machine.name,
    address: machine.address,
    managers: membership.managers,
    dataDir: `${remotePaths.data}/worker`,
    dockerSocket: '/var/run/docker.sock',
    pki: { ca: remotePaths.ca, ...certificatePaths.worker },
    labels: machine.labels,
    dataPlane: 'overlay',
  });
}

/** Parses `key=value` strings into an object; the last duplicate wins. */
export function toLabels(entries: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    entries.map((entry) => {
      const at = entry.indexOf('=');
      return at === -1 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );
}
