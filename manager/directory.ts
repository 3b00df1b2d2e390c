import type { Candidacy } from './candidacy/candidacy.js';
import { AppError } from './common/base/errors.js';
import type { ManagerSettings } from './common/settings/manager-settings.js';
import type { ManagerDirectory } from './control/context.js';

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
