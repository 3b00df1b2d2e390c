import { AppError } from '../../manager/common/base/errors.js';
import type { ClientCredentials } from '../inventory/engine-client.js';
import type { MachineRecord } from '../inventory/machine-record.js';
import { enginePortClosedError, hasEnginePort } from '../inventory/machine-record.js';
import type { MachineStore } from '../inventory/machine-store.js';
import { readCredentials } from '../inventory/open-store.js';
import { issueEngineClient, loadEngineAuthority } from './engine-authority.js';

/** Certificates with which this computer calls a machine's engine. */
export interface EngineAccess extends ClientCredentials {
  /** Folder with `ca.pem`, `cert.pem` and `key.pem`, for DOCKER_CERT_PATH. */
  readonly folder: string;
}

/**
 * Returns the user's certificate for a machine's engine, renewed if necessary, and links it into the
 * machine's folder. An engine of an earlier version accepts the owner's certificate. Throws
 * `unsupported` if the engine has no port, `not-found` without certificates, `unavailable` if the
 * engine still trusts a replaced CA.
 */
export async function engineCredentials(
  store: MachineStore,
  record: MachineRecord,
  now: Date,
): Promise<EngineAccess> {
  if (!hasEnginePort(record)) throw enginePortClosedError(record);
  const owner = await readCredentials(store);
  if (owner === undefined) {
    throw new AppError(
      'not-found',
      `no certificates in ${store.certsFolder}; create a machine first`,
    );
  }
  const folder = store.machineFolder(record.Name);
  const { EngineAnchor: anchor } = record.HostOptions.AuthOptions;
  if (anchor === undefined) return { ...owner, folder };
  const cluster = record.HostOptions.SwarmOptions.Cluster;
  const { id } = await loadEngineAuthority(store, cluster, now);
  if (id !== anchor) {
    throw new AppError(
      'unavailable',
      `machine "${record.Name}": its engine trusts a CA that was replaced; run "shoal machine provision ${record.Name}"`,
    );
  }
  const pair = await issueEngineClient(store, cluster, now);
  await store.linkCertificates(record.Name, cluster);
  return { ca: owner.ca, ...pair, folder };
}
