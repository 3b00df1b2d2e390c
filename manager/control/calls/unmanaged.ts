import type { Node } from '../../common/model/node.js';
import { Args } from '../args.js';
import type { CallContext, ControlCalls } from '../context.js';

const askMs = 15_000;
const removeMs = 180_000;

function readyNodes({ store }: CallContext): readonly Node[] {
  return store.view.list('nodes').filter(({ status }) => status.state === 'ready');
}

/** Containers that docker compose created on the nodes; nodes that do not answer are left out. */
export const unmanagedCalls: Pick<ControlCalls, 'project.others' | 'project.take-over'> = {
  'project.others': async (context, value) => {
    const project = new Args('project.others', value).text('project');
    const deadline = AbortSignal.any([context.signal, AbortSignal.timeout(askMs)]);
    const found = await Promise.all(
      readyNodes(context).map(async ({ id, spec }) => {
        const others = await context.workers
          .call(id, 'listOthers', { project }, deadline)
          .catch(() => []);
        return others.map((other) => ({ ...other, node: spec.name }));
      }),
    );
    return found.flat();
  },
  'project.take-over': async (context, value) => {
    const args = new Args('project.take-over', value);
    const call = { project: args.text('project'), configFiles: args.text('configFiles') };
    const deadline = AbortSignal.any([context.signal, AbortSignal.timeout(removeMs)]);
    await Promise.all(
      readyNodes(context).map(({ id }) => context.workers.call(id, 'removeOthers', call, deadline)),
    );
    return null;
  },
};
