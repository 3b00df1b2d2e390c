import type { NodeId } from '../common/model/ids.js';
import type { ImageClaim } from '../common/model/image-record.js';
import { imageKey, isAgreed, isContentReference, withClaim } from '../common/model/image-record.js';
import type { Transaction } from '../store/store.js';
import type { ControlOptions } from './context.js';
import { findImage } from './find-image.js';

type Context = Pick<ControlOptions, 'store' | 'workers' | 'log'> & { readonly signal: AbortSignal };

/**
 * Records the copy on the node where a client has built, loaded, committed or tagged an image: from
 * now on the name has this content on every node. Does nothing if the node has no such image.
 */
export async function recordImage(context: Context, nodeId: NodeId, image: string): Promise<void> {
  if (isContentReference(image)) return;
  const { store, workers, signal } = context;
  const claim = await workers.call(nodeId, 'findImage', { image }, signal);
  if (claim === null) return;
  await store.update('control', (tx) => {
    putClaim(tx, image, { ...claim, nodeId });
  });
}

/**
 * Records an image after a pull. Nodes pull on their own, so a node may say that it got another
 * content: the name has a recorded content only if all nodes that have the image agree on it.
 */
export async function recordPull(context: Context, nodeId: NodeId, image: string): Promise<void> {
  if (isContentReference(image)) return;
  const claims = (await findImage(context, image)).map((each) => ({
    ...each,
    nodeId: each.nodeId as NodeId,
  }));
  const claim = claims.find((each) => each.nodeId === nodeId);
  if (claim === undefined) return;
  const agreed = isAgreed(claims, claim);
  if (!agreed) {
    const names = claims.map(({ node, id }) => `${node} ${id.slice(0, 19)}`).join(', ');
    context.log.info(`image ${image}: content differs between nodes: ${names}`);
  }
  await context.store.update('control', (tx) => {
    if (agreed) putClaim(tx, image, claim);
    else forgetImage(tx, image);
  });
}

/** Removes the record of a name that clients have removed. */
export function forgetImage(tx: Transaction, image: string): void {
  const known = tx.get('images', imageKey(image));
  if (known !== undefined) tx.remove('images', known.id);
}

function putClaim(tx: Transaction, image: string, claim: ImageClaim): void {
  const id = imageKey(image);
  const known = tx.get('images', id);
  const contents = withClaim(known?.contents ?? {}, claim);
  const record = { contents, source: 'client', nodeId: claim.nodeId } as const;
  if (known === undefined) tx.create('images', { id, ...record });
  else tx.put('images', { ...known, ...record });
}
