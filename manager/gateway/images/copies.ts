import { imageKey, recordedFirst } from '../../common/model/trust/image-record.js';
import type { Node } from '../../common/model/node.js';
import type { NodeImage } from '../../common/protocol/worker-calls.js';
import type { GatewayContext } from '../context.js';
import { noSuchImage } from './find-holder.js';
import { nodeTimeoutMs, readyNodes } from '../engine/fan-out.js';

/** A node's copy of an image. */
export interface ImageCopy extends NodeImage {
  readonly node: Node;
}

/**
 * The copies of an image on all ready nodes: those with the recorded content first, then the latest
 * tag first, as it may differ between nodes.
 */
export async function findCopies(
  context: Pick<GatewayContext, 'store' | 'workers'>,
  image: string,
  signal: AbortSignal,
): Promise<readonly ImageCopy[]> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(nodeTimeoutMs)]);
  const found = await Promise.all(
    readyNodes(context).map(async (node): Promise<readonly ImageCopy[]> => {
      const call = context.workers.call(node.id, 'findImage', { image }, deadline);
      const copy = await call.catch(() => null);
      return copy === null ? [] : [{ ...copy, node }];
    }),
  );
  const age = ({ taggedAt, createdAt }: ImageCopy): number => taggedAt ?? createdAt;
  const latestFirst = found.flat().sort((a, b) => age(b) - age(a));
  return recordedFirst(latestFirst, context.store.view.get('images', imageKey(image)));
}

/**
 * The recorded copy of an image, or else the latest one. Throws `not-found` with the Docker Engine's
 * message.
 */
export async function latestCopy(
  context: Pick<GatewayContext, 'store' | 'workers'>,
  image: string,
  signal: AbortSignal,
): Promise<ImageCopy> {
  const [copy] = await findCopies(context, image, signal);
  if (copy === undefined) throw noSuchImage(image);
  return copy;
}
