import type { NodeId } from '../common/model/ids.js';
import type { ImageClaim } from '../common/model/trust/image-record.js';
import {
  imageKey,
  isAgreed,
  isContentReference,
  pinnedReference,
  recordedId,
  shortImageId,
  withClaim,
} from '../common/model/trust/image-record.js';
import type { RecordedImage } from '../common/protocol/control.js';
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
    putClaim(tx, image, { ...claim, nodeId }, undefined);
  });
}

/**
 * Records an image after nodes have pulled it. Nodes pull on their own, so a node may say that it
 * got another content: the name has a recorded content only if all nodes with the image agree. With
 * `digest` they have pulled that.
 */
export async function recordPull(
  context: Context,
  nodeIds: readonly NodeId[],
  image: string,
  digest?: string,
): Promise<void> {
  if (isContentReference(image)) return;
  const claims = await claimsOf(
    context,
    digest === undefined ? image : pinnedReference(image, digest),
  );
  const pulled = claims.filter(({ nodeId }) => nodeIds.includes(nodeId));
  if (pulled.length === 0) return;
  const agreed = pulled.every((claim) => isAgreed(claims, claim));
  if (!agreed) {
    context.log.info(`image ${image}: nodes have different contents: ${namesOf(claims)}`);
  }
  await context.store.update('control', (tx) => {
    if (agreed) for (const claim of pulled) putClaim(tx, image, claim, digest);
    else forgetImage(tx, image, digest);
  });
}

/**
 * Records the content that a deployment finds on the nodes, for each platform, unless the name has
 * one. Nodes that have another content are a problem: any of them may be wrong.
 */
export async function recordDeployed(context: Context, image: string): Promise<RecordedImage> {
  if (isContentReference(image)) return { isRecorded: true };
  const known = context.store.view.get('images', imageKey(image));
  const record = known?.source === 'client' ? known : undefined;
  const digest = record?.digest;
  // Nodes run a pinned image by its digest, whatever copy they have under its name.
  const claims = await claimsOf(
    context,
    digest === undefined ? image : pinnedReference(image, digest),
  );
  const differing = claims.filter((claim) => {
    const id = recordedId(record, claim.platform);
    return id === undefined ? !isAgreed(claims, claim) : id !== claim.id;
  });
  if (differing.length > 0) {
    const problem =
      record === undefined
        ? `nodes have different contents: ${namesOf(differing)}`
        : `other contents than the recorded one are on ${namesOf(differing)}`;
    return { isRecorded: record !== undefined, problem };
  }
  const fresh = claims.filter(({ platform }) => recordedId(record, platform) === undefined);
  if (fresh.length > 0) {
    await context.store.update('control', (tx) => {
      for (const claim of fresh) putClaim(tx, image, claim, digest);
    });
  }
  const isRecorded = claims.length > 0 || Object.keys(record?.contents ?? {}).length > 0;
  return { isRecorded };
}

type NodeClaim = ImageClaim & { readonly node: string };

async function claimsOf(context: Context, image: string): Promise<readonly NodeClaim[]> {
  const found = await findImage(context, image);
  return found.map((each) => ({ ...each, nodeId: each.nodeId as NodeId }));
}

/** `node-1 (0123456789ab), node-2 (…)`. */
function namesOf(claims: readonly NodeClaim[]): string {
  return claims.map(({ node, id }) => `${node} (${shortImageId(id)})`).join(', ');
}

/** Removes the record of a name that clients have removed; with `digest`, its contents only. */
export function forgetImage(tx: Transaction, image: string, digest?: string): void {
  const known = tx.get('images', imageKey(image));
  if (known === undefined) return;
  if (digest === undefined) tx.remove('images', known.id);
  else if (known.digest === digest) tx.put('images', { ...known, contents: {} });
}

/** Records a node's copy; `digest` if the node has pulled that. */
function putClaim(
  tx: Transaction,
  image: string,
  claim: ImageClaim,
  digest: string | undefined,
): void {
  const id = imageKey(image);
  const known = tx.get('images', id);
  // No client has announced the contents that were copied between nodes.
  const announced = known?.source === 'client' ? known : undefined;
  const isSame = announced?.digest === digest;
  if (isSame && recordedId(announced, claim.platform) === claim.id) return;
  // Another pull has moved the name since: this content is no longer its own.
  if (!isSame && digest !== undefined) return;
  const contents = withClaim(isSame ? (announced?.contents ?? {}) : {}, claim);
  const own = { contents, source: 'client', nodeId: claim.nodeId } as const;
  if (known === undefined) tx.create('images', { id, ...own });
  else {
    const { digest: _former, ...rest } = known;
    tx.put('images', { ...rest, ...own, ...(digest === undefined ? {} : { digest }) });
  }
}
