import { AppError } from '../../manager/base/errors.js';

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
  /** The machines whose Consul servers the cluster began with, when it runs its own Consul. */
  readonly consulServers?: readonly { readonly name: string; readonly address: string }[];
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
