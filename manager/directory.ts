import { setTimeout as delay } from 'node:timers/promises';
import type { Candidacy } from './candidacy/candidacy.js';
import { AppError } from './common/base/errors.js';
import type { ManagerSettings } from './common/settings/manager-settings.js';
import type { ManagerDirectory } from './control/context.js';
import type { KnownManager } from './dispatcher/manager-list.js';

const membersMs = 1_000;

/** The list of a manager that is alone. */
export function singleDirectory({ nodeId, advertise }: ManagerSettings): ManagerDirectory {
  return {
    list: () => Promise.resolve([{ nodeId, address: advertise, alive: true, leader: true }]),
    forget: () => {
      throw new AppError('conflict', 'manager: the only manager of a cluster cannot be removed');
    },
  };
}

/** The list of managers that share a store. */
export function sharedDirectory(
  { members }: Candidacy,
  { nodeId }: ManagerSettings,
): ManagerDirectory {
  return {
    list: async () =>
      (await members.list()).map((member) => ({ ...member, leader: member.nodeId === nodeId })),
    forget: (id) => members.remove(id),
  };
}

/** Reports the managers of the cluster every second, so that workers find the next leader. */
export async function followMembers(
  { members }: Candidacy,
  report: (members: readonly KnownManager[]) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    // While Consul is unreachable, the previous list is kept.
    const listed = await members.list().catch(() => []);
    if (listed.length > 0) report(listed);
    await delay(membersMs, undefined, { signal, ref: false }).catch(() => undefined);
  }
}
