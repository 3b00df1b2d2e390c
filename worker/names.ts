import type { Clock } from '../manager/common/base/clock.js';
import { messageOf } from '../manager/common/base/errors.js';
import type { Logger } from '../manager/common/base/log.js';
import type { AssignmentSet } from '../manager/common/protocol/assignments.js';
import { DnsServer } from '../network/dns/server.js';
import { isOfNode, readBootId, SavedAssignments } from './assignments/saved-set.js';
import type { WorkerSettings } from './settings.js';

type NodePlaces = Pick<WorkerSettings, 'clusterId' | 'nodeId' | 'dataDir' | 'secretsDir'>;

/**
 * The node's name server, answering from the last assignment set as long as this is still the boot it was
 * acted on in: only the worker was away then, and the containers ask already. What else there is to load,
 * an engine that hangs included, is not waited for. After a boot it answers nothing before the worker has
 * decided what is still to run here. `port` is 53 unless told.
 */
export async function openNames(
  settings: NodePlaces,
  clock: Clock,
  log: Logger,
  port?: number,
): Promise<DnsServer> {
  const names = new DnsServer({ clock, log, ...(port === undefined ? {} : { port }) });
  const set = await lastSet(settings, log);
  if (set !== undefined) {
    names.setView({ networks: set.networks, endpoints: set.endpoints });
    names.setLocal(localContainers(set));
  }
  names.start();
  return names;
}

async function lastSet(settings: NodePlaces, log: Logger): Promise<AssignmentSet | undefined> {
  try {
    const [saved, bootId] = await Promise.all([
      new SavedAssignments(settings, log).load(),
      readBootId(),
    ]);
    return isOfNode(saved, settings) && saved.bootId === bootId ? saved.set : undefined;
  } catch (error) {
    log.warn(messageOf(error));
    return undefined;
  }
}

/** Resolvers that containers were given themselves (`dns:`), by the container's address. */
export function upstreamsOf(set: AssignmentSet): ReadonlyMap<string, readonly string[]> {
  return new Map(
    set.tasks.flatMap((task) =>
      task.spec.container.dns.length === 0
        ? []
        : task.attachments.map(({ address }) => [address, task.spec.container.dns] as const),
    ),
  );
}

function localContainers(
  set: AssignmentSet,
): ReadonlyMap<string, { readonly upstreams: readonly string[] }> {
  return new Map([...upstreamsOf(set)].map(([address, upstreams]) => [address, { upstreams }]));
}
