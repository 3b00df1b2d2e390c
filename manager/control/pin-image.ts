import { withDeadline } from '../common/base/cancellation.js';
import { AppError, messageOf } from '../common/base/errors.js';
import type { NodeId } from '../common/model/ids.js';
import type { Node } from '../common/model/node.js';
import { imageKey, isContentReference } from '../common/model/trust/image-record.js';
import type { PinnedImage } from '../common/protocol/control.js';
import type { RegistryAuth } from '../common/protocol/worker-calls.js';
import type { ControlOptions } from './context.js';
import { findImage } from './find-image.js';

type Context = Pick<ControlOptions, 'store' | 'workers' | 'clock' | 'log'> & {
  readonly signal: AbortSignal;
};

/** Deadline of one engine for the answer of a registry, ms. */
const resolveMs = 10_000;
/** Maximum number of nodes that are asked, one after the other. */
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
  { store, workers, signal, clock }: Omit<Context, 'log'>,
  query: ImageQuery,
): Promise<ResolvedImage> {
  const ready = store.view.list('nodes').filter(({ status }) => status.state === 'ready');
  const inOrder = [...ready.filter(isManager), ...ready.filter((node) => !isManager(node))];
  let failure: unknown = new AppError(
    'unavailable',
    'image: no ready node to query the registry; check "shoal node ls"',
  );
  for (const [index, { id, spec }] of inOrder.slice(0, maxAsked).entries()) {
    const late = (): AppError =>
      new AppError('timeout', `node ${spec.name}: the registry did not answer in time`);
    try {
      const digest = await withDeadline({ clock, limitMs: resolveMs, signal, late }, (either) =>
        workers.call(id, 'resolveImage', query, either),
      );
      return { digest, nodeId: id };
    } catch (error) {
      signal.throwIfAborted();
      if (index === 0) failure = error;
    }
  }
  throw failure;
}

function isManager({ spec }: Node): boolean {
  return spec.role === 'manager';
}

/**
 * Pins a name to the digest that its registry has now, so that all nodes run the same version. With
 * `refresh: false` a name keeps the content that it has in the cluster, by its record or as a node's
 * copy. If no registry answers, the record stays and the problem is returned.
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
  let resolved: ResolvedImage;
  try {
    resolved = await resolveImage(context, query);
  } catch (error) {
    context.signal.throwIfAborted();
    return { problem: messageOf(error) };
  }
  await storeDigest(context, image, resolved);
  return { digest: resolved.digest };
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
