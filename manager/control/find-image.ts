import type { ImageOnNode } from '../common/protocol/control.js';
import type { CallContext } from './context.js';

const askMs = 15_000;

/** Queries every ready node; nodes that do not answer within 15 s are left out. */
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
