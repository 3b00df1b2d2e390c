import { join } from 'node:path';
import { AppError } from '../../manager/common/base/errors.js';
import type { ManagerRoute } from './cluster-record.js';
import { checkClusterName } from './cluster-record.js';
import { MachineStore, resolveStoreFolder } from './machine-store.js';

/**
 * Connection settings of a cluster: addresses of its managers and paths of the user's certificate.
 */
export interface ClusterContext {
  readonly name: string;
  readonly id: string;
  /** `https://ADDRESS:PORT`, at least one. */
  readonly managers: readonly string[];
  /** Ids of revoked intermediate CAs; managers with their certificates are refused. */
  readonly refusedAuthorities?: readonly string[];
  /** Name of this computer's client, if the cluster was imported. */
  readonly client?: string;
  /** How the managers are reached; undefined until a firewall decides it. */
  readonly via?: ManagerRoute;
  readonly caPath: string;
  readonly certPath: string;
  readonly keyPath: string;
}

export interface ContextQuery {
  /** Folder of the store (--storage-path); defaults to SHOAL_HOME, then ~/.shoal. */
  readonly home?: string | undefined;
  /** Value of --cluster. */
  readonly clusterFlag?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Selects the cluster: --cluster, else SHOAL_CLUSTER, else the store's current cluster. Returns
 * undefined if none is configured; throws `not-found` if the named cluster is not in the store.
 */
export async function findCluster(query: ContextQuery): Promise<ClusterContext | undefined> {
  const store = new MachineStore(resolveStoreFolder(query.home, query.env));
  const named = [query.clusterFlag, query.env.SHOAL_CLUSTER].find(
    (name) => name !== undefined && name !== '',
  );
  const name = named ?? (await store.currentCluster());
  if (name === undefined) return undefined;
  checkClusterName(name);
  const cluster = await store.findCluster(name);
  if (cluster === undefined) {
    if (named === undefined) return undefined;
    throw new AppError(
      'not-found',
      `cluster "${name}": not found in ${store.home}; create it with "shoal machine create --swarm --swarm-master"`,
    );
  }
  const certificates = cluster.client === undefined ? store.certsFolder : store.clusterFolder(name);
  return {
    name,
    id: cluster.id,
    managers: cluster.managers.map(({ url }) => url),
    ...(cluster.refusedAuthorities === undefined
      ? {}
      : { refusedAuthorities: cluster.refusedAuthorities }),
    ...(cluster.client === undefined ? {} : { client: cluster.client }),
    ...(cluster.via === undefined ? {} : { via: cluster.via }),
    caPath: join(certificates, 'ca.pem'),
    certPath: join(certificates, 'cert.pem'),
    keyPath: join(certificates, 'key.pem'),
  };
}
