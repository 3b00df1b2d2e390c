import type { ImageOnNode } from '../../protocol/control.js';
import { Args } from '../args.js';
import type { CallContext, ControlCalls } from '../context.js';

const askMs = 15_000;

/** Every ready node is asked; one that does not answer in time has nothing to say. */
export async function findImage(
  { store, workers, signal }: Pick<CallContext, 'store' | 'workers' | 'signal'>,
  image: string,
): Promise<readonly ImageOnNode[]> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(askMs)]);
  const nodes = store.view.list('nodes').filter(({ status }) => status.state === 'ready');
  const found = await Promise.all(
    nodes.map(async ({ id, spec }): Promise<readonly ImageOnNode[]> => {
      const seen = await workers.call(id, 'findImage', { image }, deadline).catch(() => null);
      return seen === null ? [] : [{ ...seen, nodeId: id, node: spec.name }];
    }),
  );
  return found.flat();
}

export const imageCalls: Pick<ControlCalls, 'image.find'> = {
  'image.find': (context, value) => findImage(context, new Args('image.find', value).text('image')),
};
