import type { NodeId } from '../../manager/common/model/ids.js';
import type {
  ManagerSettings,
  PlacementStrategy,
} from '../../manager/common/settings/manager-settings.js';
import { encodeManagerSettings } from '../../manager/common/settings/manager-settings.js';
import {
  defaultDockerSocket,
  encodeWorkerSettings,
} from '../../manager/common/settings/worker-settings.js';
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
  readonly strategy: PlacementStrategy;
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

/** Text of `manager.json` for a machine of the cluster. */
export function managerSettings(machine: MachineIdentity, membership: ClusterMembership): string {
  const { clusterId, clusterName, nodeId, strategy, discovery } = membership;
  const consul = consulClient(membership.consulFiles);
  return encodeManagerSettings({
    clusterId,
    clusterName,
    nodeId,
    listen: { host: '0.0.0.0', port: managerPort },
    advertise: `${bracketIpv6(machine.address)}:${String(managerPort)}`,
    dataDir: `${remotePaths.data}/manager`,
    dockerSocket: remotePaths.dockerSocket,
    pki: {
      ca: remotePaths.ca,
      ...certificatePaths.manager,
      intermediate: certificatePaths.intermediate,
    },
    strategy,
    logLevel: 'info',
    ...(discovery === undefined ? {} : { discovery }),
    ...(consul === undefined ? {} : { consul }),
  });
}

function consulClient({ token, ca, cert, key }: ConsulFiles = {}): ManagerSettings['consul'] {
  if (token === undefined && ca === undefined) return undefined;
  const tls = {
    ca: remotePaths.consulCa,
    ...(cert === undefined ? {} : { cert: remotePaths.consulCert }),
    ...(key === undefined ? {} : { key: remotePaths.consulKey }),
  };
  return {
    ...(token === undefined ? {} : { tokenFile: remotePaths.consulToken }),
    ...(ca === undefined ? {} : { tls }),
  };
}

/** Text of `worker.json` for a machine of the cluster. */
export function workerSettings(
  machine: MachineIdentity,
  { clusterId, nodeId, managers }: Pick<ClusterMembership, 'clusterId' | 'nodeId' | 'managers'>,
): string {
  return encodeWorkerSettings({
    clusterId,
    nodeId: nodeId as NodeId,
    name: machine.name,
    address: machine.address,
    managers,
    dataDir: `${remotePaths.data}/worker`,
    dockerSocket: defaultDockerSocket,
    pki: { ca: remotePaths.ca, ...certificatePaths.worker },
    labels: machine.labels,
    dataPlane: 'overlay',
    logLevel: 'info',
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
