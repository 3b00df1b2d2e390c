import { AppError } from '../../manager/common/base/errors.js';

export interface ClusterManager {
  /** The machine it runs on. */
  readonly name: string;
  readonly nodeId: string;
  /** `https://ADDRESS:7070`. */
  readonly url: string;
}

/** `clusters/NAME.json`. */
export interface ClusterRecord {
  readonly name: string;
  readonly id: string;
  readonly strategy: string;
  readonly managers: readonly ClusterManager[];
  /** `consul://…`, where the managers share their state; without it the one manager keeps it itself. */
  readonly discovery?: string;
  /** Ids of authorities whose managers are believed no more, see manager/ca/pki-peer.ts. */
  readonly refusedAuthorities?: readonly string[];
  /** The machines with Consul servers, when the cluster runs its own Consul. */
  readonly consulServers?: readonly ConsulServer[];
  /** How many servers that Consul began with; as many as are listed unless told. */
  readonly consulFounders?: number;
}

export interface ConsulServer {
  readonly name: string;
  readonly address: string;
  /** It joined servers that were there. */
  readonly joined?: true;
}

/** Throws `invalid` for a name that is no single path segment of plain characters. */
export function checkClusterName(name: string): void {
  if (!/^[0-9A-Za-z][0-9A-Za-z_.-]{0,62}$/u.test(name)) {
    throw new AppError(
      'invalid',
      `invalid cluster name "${name}": allowed are 0-9 a-z A-Z _ . - (63 at most)`,
    );
  }
}

export function parseCluster(text: string, path: string): ClusterRecord {
  try {
    const value = JSON.parse(text) as Partial<ClusterRecord> | null;
    if (typeof value?.id === 'string' && Array.isArray(value.managers)) {
      return value as ClusterRecord;
    }
  } catch (error) {
    throw new AppError('invalid', `cluster record ${path} is no JSON`, { cause: error });
  }
  throw new AppError('invalid', `cluster record ${path} is damaged: id or managers is missing`);
}

/** The record with this manager added or its address changed. */
export function withManager(cluster: ClusterRecord, manager: ClusterManager): ClusterRecord {
  const others = cluster.managers.filter(({ name }) => name !== manager.name);
  return { ...cluster, managers: [...others, manager] };
}

/** The record without the manager on a machine; undefined when that was its last. */
export function withoutManager(cluster: ClusterRecord, name: string): ClusterRecord | undefined {
  const managers = cluster.managers.filter((manager) => manager.name !== name);
  return managers.length === 0 ? undefined : { ...cluster, managers };
}

/**
 * A machine that becomes a manager runs a Consul server as well where one is missing: with an even number
 * of them no more may fail than with one less.
 */
export function withConsulServer(cluster: ClusterRecord, machine: ConsulServer): ClusterRecord {
  const { consulServers: servers } = cluster;
  if (servers === undefined || servers.length % 2 === 1) return cluster;
  if (servers.some(({ name }) => name === machine.name)) return cluster;
  const { name, address } = machine;
  return { ...cluster, consulServers: [...servers, { name, address, joined: true }] };
}

/** The record after a machine with a Consul server has gone. */
export function withoutConsulServer(cluster: ClusterRecord, machine: string): ClusterRecord {
  const { consulServers: servers } = cluster;
  if (servers?.some(({ name }) => name === machine) !== true) return cluster;
  return {
    ...cluster,
    consulFounders: cluster.consulFounders ?? servers.length,
    consulServers: servers.filter(({ name }) => name !== machine),
  };
}
