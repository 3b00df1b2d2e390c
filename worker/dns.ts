import type { ContainerDnsConfig } from '../manager/common/model/network-view.js';
import type { Clock } from '../manager/common/base/clock.js';
import { messageOf } from '../manager/common/base/errors.js';
import type { Logger } from '../manager/common/base/log.js';
import type { AssignmentSet } from '../manager/common/protocol/assignments.js';
import { DnsServer } from '../network/dns/server.js';
import { belongsToNode, readBootId, SavedAssignments } from './assignments/saved-set.js';
import type { EffectiveSettings } from './settings.js';

type NodePlaces = Pick<EffectiveSettings, 'clusterId' | 'nodeId' | 'dataDir' | 'secretsDir'>;

/**
 * Starts the node's DNS server. It answers from the last assignment set if that was applied in the
 * current boot: then only the worker restarted, and containers are already sending queries. It does
 * not wait for the engine or for other modules to load. After a reboot it answers nothing until the
 * worker has decided which tasks still run here. `port` defaults to 53.
 */
export async function startDnsServer(
  settings: NodePlaces,
  clock: Clock,
  log: Logger,
  port?: number,
): Promise<DnsServer> {
  const names = new DnsServer({ clock, log, ...(port === undefined ? {} : { port }) });
  const set = await loadLastSet(settings, log);
  if (set !== undefined) {
    names.setView(set);
    names.setLocal(containerDnsOf(set));
  }
  names.start();
  return names;
}

async function loadLastSet(settings: NodePlaces, log: Logger): Promise<AssignmentSet | undefined> {
  try {
    const [saved, bootId] = await Promise.all([
      new SavedAssignments(settings, log).load(),
      readBootId(),
    ]);
    return belongsToNode(saved, settings) && saved.bootId === bootId ? saved.set : undefined;
  } catch (error) {
    log.warn(messageOf(error));
    return undefined;
  }
}

/** Resolvers from `dns:` and search domains from `dns_search:` of each task, by address. */
export function containerDnsOf(set: AssignmentSet): ReadonlyMap<string, ContainerDnsConfig> {
  return new Map(
    set.tasks.flatMap(({ spec: { container }, attachments }) => {
      if (container.dns.length + container.dnsSearch.length === 0) return [];
      const config = { upstreams: container.dns, searchDomains: container.dnsSearch };
      return attachments.map(({ address }) => [address, config] as const);
    }),
  );
}
