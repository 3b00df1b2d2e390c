import {
  array,
  count,
  decodeJson,
  nonEmptyString,
  object,
  oneOf,
  optional,
  string,
} from '../../manager/common/base/decode.js';
import { AppError } from '../../manager/common/base/errors.js';
import type { PlacementStrategy } from '../../manager/common/settings/manager-settings.js';
import { placementStrategies } from '../../manager/common/settings/manager-settings.js';

export interface ClusterManager {
  /** The machine it runs on. */
  readonly name: string;
  readonly nodeId: string;
  /** `https://ADDRESS:7070`. */
  readonly url: string;
}

/** `clusters/NAME.json`. */
export interface LocalClusterRecord {
  readonly name: string;
  readonly id: string;
  readonly strategy: PlacementStrategy;
  /** Set for an imported cluster: this client's certificate is in `clusters/NAME/`. */
  readonly client?: string;
  readonly managers: readonly ClusterManager[];
  /** `consul://…`, the store shared by the managers; undefined for the embedded store. */
  readonly discovery?: string;
  /** Ids of intermediate CAs whose managers are no longer trusted, see manager/ca/pki-peer.ts. */
  readonly refusedAuthorities?: readonly string[];
  /** The machines with Consul servers, when the cluster runs its own Consul. */
  readonly consulServers?: readonly ConsulServer[];
  /**
   * How far the Consul agents are with their own CA: `both` trust it beside the user's CA,
   * `certificates` present its certificates as well, `own` trust nothing else. Absent in clusters
   * of earlier versions, whose agents use the workers' certificates.
   */
  readonly consulTrust?: ConsulTrust;
  /** Number of servers that Consul bootstrapped with; defaults to the length of `consulServers`. */
  readonly consulFounders?: number;
  /**
   * How this computer reaches the managers: over SSH or on their port; undefined until a firewall
   * decides it.
   */
  readonly via?: ManagerRoute;
}

export const managerRoutes = ['direct', 'ssh'] as const;
export type ManagerRoute = (typeof managerRoutes)[number];

export const consulTrusts = ['both', 'certificates', 'own'] as const;
export type ConsulTrust = (typeof consulTrusts)[number];

export interface ConsulServer {
  readonly name: string;
  readonly address: string;
  /** Set for a server that joined an existing Consul cluster. */
  readonly joined?: true;
}

/** Throws `invalid` unless the name is a single path segment of letters, digits and `_ . -`. */
export function checkClusterName(name: string): void {
  if (!/^[0-9A-Za-z][0-9A-Za-z_.-]{0,62}$/u.test(name)) {
    throw new AppError(
      'invalid',
      `invalid cluster name "${name}": allowed are 0-9 a-z A-Z _ . - (63 at most)`,
    );
  }
}

/** Decodes a cluster record. */
export const clusterRecordFields = object<LocalClusterRecord>({
  name: nonEmptyString,
  id: nonEmptyString,
  strategy: oneOf(...placementStrategies),
  client: optional(nonEmptyString),
  managers: array(object({ name: nonEmptyString, nodeId: string, url: nonEmptyString })),
  discovery: optional(nonEmptyString),
  refusedAuthorities: optional(array(string)),
  consulServers: optional(
    array(
      object<ConsulServer>({
        name: nonEmptyString,
        address: nonEmptyString,
        joined: optional(oneOf(true)),
      }),
    ),
  ),
  consulTrust: optional(oneOf(...consulTrusts)),
  consulFounders: optional(count),
  via: optional(oneOf(...managerRoutes)),
});

/** Parses `clusters/NAME.json`; throws `invalid` with path and key if it is damaged. */
export function parseCluster(content: string, path: string): LocalClusterRecord {
  return decodeJson(content, clusterRecordFields, `cluster record ${path}`);
}

/** The record with this manager added, or replaced if its machine is listed already. */
export function withClusterManager(
  cluster: LocalClusterRecord,
  manager: ClusterManager,
): LocalClusterRecord {
  const others = cluster.managers.filter(({ name }) => name !== manager.name);
  return { ...cluster, managers: [...others, manager] };
}

/** The record without the manager on a machine; undefined if no manager is left. */
export function withoutClusterManager(
  cluster: LocalClusterRecord,
  name: string,
): LocalClusterRecord | undefined {
  const managers = cluster.managers.filter((manager) => manager.name !== name);
  return managers.length === 0 ? undefined : { ...cluster, managers };
}

/**
 * Adds a Consul server on a new manager if the number of servers is even: an even number tolerates
 * no more failures than one server less.
 */
export function withConsulServer(
  cluster: LocalClusterRecord,
  machine: ConsulServer,
): LocalClusterRecord {
  const { consulServers: servers } = cluster;
  if (servers === undefined || servers.length % 2 === 1) return cluster;
  if (servers.some(({ name }) => name === machine.name)) return cluster;
  const { name, address } = machine;
  return { ...cluster, consulServers: [...servers, { name, address, joined: true }] };
}

/** The record without the Consul server on a machine. */
export function withoutConsulServer(
  cluster: LocalClusterRecord,
  machine: string,
): LocalClusterRecord {
  const { consulServers: servers } = cluster;
  if (servers?.some(({ name }) => name === machine) !== true) return cluster;
  return {
    ...cluster,
    consulFounders: cluster.consulFounders ?? servers.length,
    consulServers: servers.filter(({ name }) => name !== machine),
  };
}
