import { oneOf } from '../../common/base/decode.js';
import { AppError } from '../../common/base/errors.js';
import type { NodeId } from '../../common/model/ids.js';
import { imageKey } from '../../common/model/trust/image-record.js';
import type { RegistryAuth } from '../../common/protocol/worker-calls.js';
import { Args } from '../args.js';
import type { ControlCalls } from '../context.js';
import { findNode } from '../find.js';
import { findImage } from '../find-image.js';
import { forgetImage, recordDeployed, recordImage, recordPull } from '../record-image.js';

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

const resolveMs = 30_000;

export const imageCalls: Pick<
  ControlCalls,
  'image.find' | 'image.record' | 'image.remove' | 'image.resolve'
> = {
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
    if (removed.every((names) => names.length > 0)) {
      await context.store.update('control', (tx) => {
        forgetImage(tx, image);
      });
    }
    return removed.flat();
  },
  'image.record': async (context, value) => {
    const args = new Args('image.record', value);
    const image = args.text('image');
    const event = args.field('event', oneOf('made', 'pulled', 'deployed', 'removed'));
    if (event === 'removed') {
      await context.store.update('control', (tx) => {
        forgetImage(tx, image);
      });
      return { isRecorded: false };
    }
    if (event === 'deployed') return recordDeployed(context, image);
    const nodeIds = args.texts('nodes').map((node) => findNode(context.store.view, node).id);
    if (event === 'pulled') await recordPull(context, nodeIds, image);
    else for (const nodeId of nodeIds) await recordImage(context, nodeId, image);
    return { isRecorded: context.store.view.get('images', imageKey(image)) !== undefined };
  },
};
