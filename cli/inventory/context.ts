import { join } from 'node:path';
import { AppError } from '../../manager/common/base/errors.js';
import { checkClusterName } from './cluster-record.js';
import { MachineStore, storeFolder } from './machine-store.js';

/** How to reach a cluster: addresses of its managers and the paths of the user's certificate. */
export interface ClusterContext {
  readonly name: string;
  readonly id: string;
  /** `https://ADDRESS:PORT`, at least one. */
  readonly managers: readonly string[];
  /** Ids of authorities whose managers are believed no more. */
  readonly refusedAuthorities?: readonly string[];
  readonly caPath: string;
  readonly certPath: string;
  readonly keyPath: string;
}

export interface ContextQuery {
  /** The store's folder (--storage-path); without it SHOAL_HOME, then ~/.shoal. */
  readonly home?: string | undefined;
  /** --cluster. */
  readonly clusterFlag?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * The cluster to act on: the flag, else SHOAL_CLUSTER, else the store's current one. Undefined when
 * none is configured; throws `not-found` when one was named that the store does not know.
 */
export async function findCluster(query: ContextQuery): Promise<ClusterContext | undefined> {
  const store = new MachineStore(storeFolder(query.home, query.env));
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
      `cluster "${name}" is not known in ${store.home}; create it with "shoal machine create --swarm --swarm-master"`,
    );
  }
  return {
    name,
    id: cluster.id,
    managers: cluster.managers.map(({ url }) => url),
    ...(cluster.refusedAuthorities === undefined
      ? {}
      : { refusedAuthorities: cluster.refusedAuthorities }),
    caPath: join(store.certsFolder, 'ca.pem'),
    certPath: join(store.certsFolder, 'cert.pem'),
    keyPath: join(store.certsFolder, 'key.pem'),
  };
}
