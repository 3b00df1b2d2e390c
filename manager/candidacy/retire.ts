import type { Logger } from '../common/base/log.js';
import { consulAddress } from './candidacy.js';
import { decideCatalog } from '../catalog/decide.js';
import type { ManagerSettings } from '../common/settings/manager-settings.js';
import { ConsulCatalog } from '../store/consul/catalog.js';
import { ConsulClient } from '../store/consul/client.js';
import { clusterKeyPrefix } from '../store/consul/consul.js';
import { readMeta } from '../store/consul/fence.js';
import { metaKey } from '../store/consul/keys.js';
import { ConsulManagerRegistry } from '../store/consul/members.js';

/**
 * Removes a deleted cluster's keys and catalog entries from Consul after its last manager has
 * stopped. Rejects with `conflict` if the prefix belongs to another cluster. Does nothing for an
 * embedded store.
 */
export async function retireCluster(settings: ManagerSettings, log: Logger): Promise<void> {
  const { discovery, clusterId: id, clusterName: name } = settings;
  if (discovery === undefined) return;
  const cluster = { id, name };
  const address = await consulAddress({ ...settings, discovery });
  const client = new ConsulClient(address);
  try {
    const root = clusterKeyPrefix(address.prefix, name);
    const meta = await client.get(root + metaKey);
    if (meta !== undefined) readMeta(root + metaKey, meta.value, cluster);
    const members = new ConsulManagerRegistry(client, cluster);
    for (const { nodeId } of await members.list()) await members.remove(nodeId);
    const catalog = new ConsulCatalog(client, id);
    const emptyView = { list: () => [] };
    await catalog.apply(decideCatalog(emptyView, await catalog.read(), cluster));
    if (meta !== undefined) await client.removeAll(root);
    log.info('cluster data removed from consul', { cluster: name });
  } finally {
    client.close();
  }
}
