import { AppError, messageOf } from '../common/base/errors.js';
import type { NodeId } from '../common/model/ids.js';
import type { Node } from '../common/model/node.js';
import { imageKey, isContentReference } from '../common/model/trust/image-record.js';
import type { PinnedImage } from '../common/protocol/control.js';
import type { RegistryAuth } from '../common/protocol/worker-calls.js';
import type { ControlOptions } from './context.js';
import { findImage } from './find-image.js';

type Context = Pick<ControlOptions, 'store' | 'workers' | 'log'> & { readonly signal: AbortSignal };

/** Deadline of one engine for the answer of a registry, ms. */
const resolveMs = 10_000;
/** Maximum number of nodes that are asked one after the other. */
const maxAsked = 2;

export interface ImageQuery {
  readonly image: string;
  readonly auth?: RegistryAuth;
}

interface ResolvedImage {
  readonly digest: string;
  /** The node whose engine asked the registry. */
  readonly nodeId: NodeId;
}

/**
 * The digest of an image in its registry, read by the engine of a node: engines know the mirrors,
 * proxies and certificates, and a client's credentials travel with the request. Nodes of managers
 * are asked first, as these are trusted. Throws the error of the first node.
 */
export async function resolveImage(
  { store, workers, signal }: Pick<Context, 'store' | 'workers' | 'signal'>,
  query: ImageQuery,
): Promise<ResolvedImage> {
  const nodes = store.view
    .list('nodes')
    .filter(({ status }) => status.state === 'ready')
    .sort(managersFirst);
  let failure: unknown = new AppError(
    'unavailable',
    'image: no ready node to query the registry; check "shoal node ls"',
  );
  for (const [index, { id }] of nodes.slice(0, maxAsked).entries()) {
    try {
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(resolveMs)]);
      return { digest: await workers.call(id, 'resolveImage', query, deadline), nodeId: id };
    } catch (error) {
      signal.throwIfAborted();
      if (index === 0) failure = error;
    }
  }
  throw failure;
}

function managersFirst(a: Node, b: Node): number {
  if (a.spec.role !== b.spec.role) return a.spec.role === 'manager' ? -1 : 1;
  return a.spec.name < b.spec.name ? -1 : 1;
}

/**
 * Pins a name to the digest that its registry has now, so that all nodes run the same version. With
 * `refresh: false` a name that has a content in the cluster keeps it, like one of which nodes have a
 * copy. If the registry does not answer the record stays, and the problem is returned.
 */
export async function pinImage(
  context: Context,
  { refresh, ...query }: ImageQuery & { readonly refresh: boolean },
): Promise<PinnedImage> {
  const { image } = query;
  if (isContentReference(image)) return {};
  const known = context.store.view.get('images', imageKey(image));
  if (!refresh) {
    if (known?.source === 'client') return digestOf(known.digest);
    if ((await findImage(context, image)).length > 0) return {};
  }
  try {
    const { digest, nodeId } = await resolveImage(context, query);
    if (!/^sha256:[0-9a-f]{64}$/u.test(digest)) {
      throw new AppError('unavailable', `"${digest.slice(0, 80)}" is no SHA-256 digest`);
    }
    await storeDigest(context, image, { digest, nodeId });
    return { digest };
  } catch (error) {
    context.signal.throwIfAborted();
    return { problem: messageOf(error) };
  }
}

function digestOf(digest: string | undefined): PinnedImage {
  return digest === undefined ? {} : { digest };
}

async function storeDigest(
  { store }: Context,
  image: string,
  { digest, nodeId }: ResolvedImage,
): Promise<void> {
  await store.update('control', (tx) => {
    const id = imageKey(image);
    const known = tx.get('images', id);
    if (known?.digest === digest && known.source === 'client') return;
    // Which image each platform gets is known once nodes have pulled it.
    const record = { contents: {}, digest, source: 'client', nodeId } as const;
    if (known === undefined) tx.create('images', { id, ...record });
    else tx.put('images', { ...known, ...record });
  });
}
