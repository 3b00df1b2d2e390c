import { readFile } from 'node:fs/promises';
import { array, decode, object, orElse, string } from '../common/base/decode.js';
import { AppError, isUnavailable, messageOf, NodeRemovedError } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import type { ManagerSettings } from '../common/settings/manager-settings.js';
import type { Catalog } from '../store/catalog.js';
import type { StoreBackend } from '../store/backend.js';
import type { ConsulAddress } from '../common/model/discovery.js';
import { parseConsulAddress } from '../common/model/discovery.js';
import { ConsulCatalog } from '../store/consul/catalog.js';
import { ConsulClient } from '../store/consul/client.js';
import { openConsul, clusterKeyPrefix } from '../store/consul/consul.js';
import { readMeta } from '../store/consul/fence.js';
import { metaKey, objectKey } from '../store/consul/keys.js';
import { loadObject } from '../store/consul/load.js';
import { ConsulLock } from '../store/consul/lock.js';
import { ConsulManagerRegistry } from '../store/consul/members.js';
import type { HeldLock, LeaderLock, ManagerRegistry } from '../store/election.js';

/** Leader election and store of a manager that shares its store with others. */
export interface Candidacy {
  readonly lock: LeaderLock;
  readonly members: ManagerRegistry;
  /** Catalog in which the leader registers nodes and tasks. */
  readonly catalog: Catalog;
  /** Rejects for permanent errors: wrong token, version or prefix, a node ID in use or removed. */
  check(): Promise<void>;
  /** Opens the store for one term. */
  openBackend(held: HeldLock): Promise<StoreBackend>;
  close(): void;
}

/** Candidacy in the Consul named by the settings. Rejects with `invalid` for unreadable files. */
export async function consulCandidacy(
  settings: ManagerSettings & { readonly discovery: string },
  log: Logger,
): Promise<Candidacy> {
  const address = await consulAddress(settings);
  const { clusterId: id, clusterName: name, nodeId, advertise } = settings;
  const { prefix } = address;
  const cluster = { id, name };
  const self = { nodeId, address: advertise };
  const client = new ConsulClient(address);
  const members = new ConsulManagerRegistry(client, cluster);
  return {
    lock: new ConsulLock({ client, log, prefix, cluster: name, clusterId: id, self }),
    members,
    catalog: new ConsulCatalog(client, id),
    async check() {
      try {
        await client.checkVersion();
        const key = clusterKeyPrefix(prefix, name) + metaKey;
        const meta = await client.get(key);
        if (meta !== undefined) readMeta(key, meta.value, cluster);
        await assertMember(client, clusterKeyPrefix(prefix, name), settings);
        await members.assertUniqueId(self);
      } catch (error) {
        if (!isUnavailable(error)) throw error;
        log.warn(`consul: not reachable, waiting: ${messageOf(error)}`);
      }
    },
    openBackend: (held) =>
      openConsul({
        client: new ConsulClient(address),
        prefix,
        cluster,
        owner: nodeId,
        lock: held.fence,
      }),
    close() {
      client.close();
    },
  };
}

const revocations = object({ revoked: orElse(array(string), []) });

/** Rejects with `NodeRemovedError` if the node was removed: a returning machine must not lead. */
async function assertMember(
  client: ConsulClient,
  root: string,
  { nodeId, clusterName }: ManagerSettings,
): Promise<void> {
  const found = await loadObject(client, root, objectKey('cluster', 'cluster'));
  const { revoked } = decode(found ?? {}, revocations, `consul key ${root}cluster/cluster`);
  if (!revoked.includes(nodeId)) return;
  throw new NodeRemovedError(
    `node ${nodeId} of this manager: was removed from cluster ${clusterName}; run "shoal machine rm -f" and "shoal machine create" to add the machine again`,
  );
}

/** Consul's address from the settings, with token and certificates read. Rejects with `invalid`. */
export async function consulAddress(
  settings: ManagerSettings & { readonly discovery: string },
): Promise<ConsulAddress> {
  const address = parseConsulAddress(settings.discovery);
  const { tokenFile, tls } = settings.consul ?? {};
  const token = tokenFile === undefined ? undefined : (await readText(tokenFile)).trim();
  if (tls === undefined) return { ...address, token };
  const [ca, cert, key] = await Promise.all([
    readText(tls.ca),
    tls.cert === undefined ? undefined : readText(tls.cert),
    tls.key === undefined ? undefined : readText(tls.key),
  ]);
  return { ...address, token, tls: { ca, cert, key } };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new AppError('invalid', `consul: cannot read file: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
