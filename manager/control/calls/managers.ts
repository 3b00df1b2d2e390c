import { AppError } from '../../common/base/errors.js';
import { Args } from '../args.js';
import type { ControlCalls } from '../context.js';

export const managerCalls: Pick<ControlCalls, 'manager.list' | 'manager.remove'> = {
  'manager.list': ({ managers }) => managers.list(),
  'manager.remove': async ({ managers, security, store }, value) => {
    const nodeId = new Args('manager.remove', value).text('nodeId');
    const found = (await managers.list()).find((manager) => manager.nodeId === nodeId);
    // A demoted manager is no longer listed, but its intermediate CA must still be retired.
    const authority = store.view.get('cluster', 'cluster')?.authorities?.[nodeId];
    if (found === undefined && authority === undefined) {
      throw new AppError('not-found', `no such manager: ${nodeId}`);
    }
    if (found?.alive === true) {
      throw new AppError(
        'conflict',
        `manager ${nodeId} at ${found.address}: still alive; run "shoal manager demote" first`,
      );
    }
    if (found !== undefined) await managers.forget(nodeId);
    await security?.retireAuthority(nodeId);
    return null;
  },
};
