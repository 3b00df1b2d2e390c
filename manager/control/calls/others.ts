import type { Node } from '../../common/model/node.js';
import { Args } from '../args.js';
import type { CallContext, ControlCalls } from '../context.js';

const askMs = 15_000;
const removeMs = 180_000;

function readyNodes({ store }: CallContext): readonly Node[] {
  return store.view.list('nodes').filter(({ status }) => status.state === 'ready');
}

/** What docker compose made on engines of the cluster; a node that does not answer has nothing to say. */
export const otherCalls: Pick<ControlCalls, 'project.others' | 'project.take-over'> = {
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
    const asked = { project: args.text('project'), configFiles: args.text('configFiles') };
    const deadline = AbortSignal.any([context.signal, AbortSignal.timeout(removeMs)]);
    await Promise.all(
      readyNodes(context).map(({ id }) =>
        context.workers.call(id, 'removeOthers', asked, deadline),
      ),
    );
    return null;
  },
};
