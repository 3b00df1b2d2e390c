import { oneOf, optional } from '../../common/base/decode.js';
import type { NodeId } from '../../common/model/ids.js';
import { imageKey } from '../../common/model/trust/image-record.js';
import { imageDigest } from '../../common/protocol/spec-decoders.js';
import type { RegistryAuth } from '../../common/protocol/worker-calls.js';
import { Args } from '../args.js';
import type { ControlCalls } from '../context.js';
import { findNode } from '../find.js';
import { findImage } from '../find-image.js';
import type { ImageQuery } from '../pin-image.js';
import { pinImage, resolveImage } from '../pin-image.js';
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

function readQuery(args: Args): ImageQuery {
  const auth = readAuth(args.object('auth'));
  return { image: args.text('image'), ...(Object.keys(auth).length === 0 ? {} : { auth }) };
}

export const imageCalls: Pick<
  ControlCalls,
  'image.find' | 'image.pin' | 'image.record' | 'image.remove' | 'image.resolve'
> = {
  'image.resolve': async (context, value) =>
    (await resolveImage(context, readQuery(new Args('image.resolve', value)))).digest,
  'image.pin': (context, value) => {
    const args = new Args('image.pin', value);
    return pinImage(context, { ...readQuery(args), refresh: args.flag('refresh') });
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
    if (event === 'pulled') {
      const digest = args.field('digest', optional(imageDigest));
      await recordPull(context, nodeIds, image, digest);
    } else for (const nodeId of nodeIds) await recordImage(context, nodeId, image);
    return { isRecorded: context.store.view.get('images', imageKey(image)) !== undefined };
  },
};
