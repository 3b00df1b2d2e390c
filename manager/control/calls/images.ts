import { AppError } from '../../common/base/errors.js';
import type { NodeId } from '../../common/model/ids.js';
import type { ImageOnNode } from '../../common/protocol/control.js';
import type { RegistryAuth } from '../../common/protocol/worker-calls.js';
import { Args } from '../args.js';
import type { CallContext, ControlCalls } from '../context.js';

const askMs = 15_000;
const removeMs = 30_000;

/** Keeps only the known credential fields; a field that is not a string throws `invalid`. */
export function readAuth(value: unknown): RegistryAuth {
  const args = new Args('credentials', value);
  const fields = ['username', 'password', 'identitytoken', 'serveraddress'] as const;
  return Object.fromEntries(
    fields.flatMap((field) => {
      const text = args.optionalText(field);
      return text === undefined ? [] : [[field, text]];
    }),
  );
}

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

const resolveMs = 30_000;

export const imageCalls: Pick<ControlCalls, 'image.find' | 'image.remove' | 'image.resolve'> = {
  'image.resolve': ({ store, workers, signal }, value) => {
    const args = new Args('image.resolve', value);
    const [node] = store.view
      .list('nodes')
      .filter(({ status }) => status.state === 'ready')
      .sort((a, b) => (a.spec.name < b.spec.name ? -1 : 1));
    if (node === undefined)
      throw new AppError(
        'unavailable',
        'image: no ready node to query the registry; check "shoal node ls"',
      );
    const auth = readAuth(args.object('auth'));
    const call = {
      image: args.text('image'),
      ...(Object.keys(auth).length === 0 ? {} : { auth }),
    };
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(resolveMs)]);
    return workers.call(node.id, 'resolveImage', call, deadline);
  },
  'image.find': (context, value) => findImage(context, new Args('image.find', value).text('image')),
  'image.remove': async (context, value) => {
    const image = new Args('image.remove', value).text('image');
    const { workers, signal } = context;
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(removeMs)]);
    const holders = await findImage(context, image);
    const removed = await Promise.all(
      holders.map(async ({ nodeId, node }) => {
        const gone = await workers.call(nodeId as NodeId, 'removeImage', { image }, deadline);
        return gone ? [node] : [];
      }),
    );
    return removed.flat();
  },
};
