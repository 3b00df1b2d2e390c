import { AppError } from '../../base/errors.js';
import { Args } from '../args.js';
import type { ControlCalls } from '../context.js';

export const managerCalls: Pick<ControlCalls, 'manager.list' | 'manager.remove'> = {
  'manager.list': ({ managers }) => managers.list(),
  'manager.remove': async ({ managers }, value) => {
    const nodeId = new Args('manager.remove', value).text('nodeId');
    const found = (await managers.list()).find((manager) => manager.nodeId === nodeId);
    if (found === undefined) throw new AppError('not-found', `no such manager: ${nodeId}`);
    if (found.alive) {
      throw new AppError(
        'conflict',
        `manager ${nodeId} at ${found.address} is alive: "shoal manager demote" ends it first`,
      );
    }
    await managers.forget(nodeId);
    return null;
  },
};
