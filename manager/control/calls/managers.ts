import { AppError } from '../../common/base/errors.js';
import { Args } from '../args.js';
import type { ControlCalls } from '../context.js';

export const managerCalls: Pick<ControlCalls, 'manager.list' | 'manager.remove'> = {
  'manager.list': ({ managers }) => managers.list(),
  'manager.remove': async ({ managers, security, store }, value) => {
    const nodeId = new Args('manager.remove', value).text('nodeId');
    const found = (await managers.list()).find((manager) => manager.nodeId === nodeId);
    // One that was ended in order is on no list any more; what it signed with is still to be refused.
    const held = store.view.get('cluster', 'cluster')?.authorities?.[nodeId];
    if (found === undefined && held === undefined) {
      throw new AppError('not-found', `no such manager: ${nodeId}`);
    }
    if (found?.alive === true) {
      throw new AppError(
        'conflict',
        `manager ${nodeId} at ${found.address} is alive: "shoal manager demote" ends it first`,
      );
    }
    if (found !== undefined) await managers.forget(nodeId);
    await security?.retireAuthority(nodeId);
    return null;
  },
};
