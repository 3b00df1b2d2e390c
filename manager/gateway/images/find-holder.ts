import { AppError } from '../../common/base/errors.js';
import type { Node } from '../../common/model/node.js';
import { imageKey, isContentReference } from '../../common/model/trust/image-record.js';
import type { GatewayContext } from '../context.js';
import { readyNodes } from '../engine/fan-out.js';
import { parseImage } from '../translate/image-name.js';

type Context = Pick<GatewayContext, 'store' | 'workers'>;

/** Deadline of a group of nodes to say whether they have an image, ms. */
const groupMs = 5_000;
/** Nodes asked at first; each later group is four times as large, up to `largestGroup`. */
const firstGroup = 2;
const largestGroup = 64;

/** A name as the Docker Engine permits it: lower case, with an optional registry, tag and digest. */
const referencePattern =
  /^(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::\d+)?\/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*(?::\w[\w.-]{0,127})?(?:@[a-zA-Z][\w+.-]*:[0-9a-fA-F]{32,})?$/u;

/** Throws `invalid` with the Docker Engine's message for a malformed image reference. */
export function requireReference(image: string): void {
  if (isContentReference(image) || referencePattern.test(image)) return;
  const isLowerMissing = referencePattern.test(image.toLowerCase());
  const why = isLowerMissing ? ': repository name must be lowercase' : '';
  throw new AppError('invalid', `invalid reference format${why}`);
}

/** The Docker Engine's `not-found` for an image. */
export function noSuchImage(image: string): AppError {
  const { tag, digest } = parseImage(image);
  const suffix = tag === '' && digest === '' && !isContentReference(image) ? ':latest' : '';
  return new AppError('not-found', `No such image: ${image}${suffix}`);
}

/**
 * The engine's record of an image, from the first node that has it: those that are likely to have
 * it are asked first, the others in growing groups. Throws `not-found` if no node has it, and
 * `unavailable` if no node has answered.
 */
export async function findImageRecord(
  context: Context,
  image: string,
  signal: AbortSignal,
): Promise<unknown> {
  const nodes = likelyFirst(context, image);
  const answers: unknown[] = [];
  let failure: unknown;
  for (let from = 0, size = firstGroup; from < nodes.length; from += size, size = grown(size)) {
    const group = nodes.slice(from, from + size);
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(groupMs)]);
    const asked = group.map(async ({ id }) => {
      const record = await context.workers.call(id, 'inspectImage', { image }, deadline);
      answers.push(record);
      if (record === null) throw noSuchImage(image);
      return record;
    });
    try {
      return await Promise.any(asked);
    } catch (error) {
      failure = error;
    }
  }
  if (answers.length > 0 || nodes.length === 0) throw noSuchImage(image);
  throw new AppError('unavailable', `image ${image}: no node has answered; retry`, {
    cause: failure,
  });
}

function grown(size: number): number {
  return Math.min(size * 4, largestGroup);
}

/** Ready nodes: the recorded holder, then those with tasks of the image, then the others. */
function likelyFirst(context: Context, image: string): readonly Node[] {
  const { view } = context.store;
  const key = imageKey(image);
  const recorded = view.get('images', key)?.nodeId;
  const users = nodesWithTasksOf(context, new Set([key]));
  const rank = ({ id }: Node): number => (id === recorded ? 0 : users.has(id) ? 1 : 2);
  return [...readyNodes(context)].sort((a, b) => rank(a) - rank(b));
}

/** Ids of the nodes with tasks that run one of these images. */
export function nodesWithTasksOf(
  { store: { view } }: Pick<Context, 'store'>,
  keys: ReadonlySet<string>,
): ReadonlySet<string> {
  return new Set(
    view
      .list('tasks')
      .filter(({ spec }) => keys.has(imageKey(spec.container.image)))
      .flatMap(({ nodeId }) => nodeId ?? []),
  );
}
