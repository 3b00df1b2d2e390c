import { AppError, messageOf } from '../../common/base/errors.js';
import type { Node } from '../../common/model/node.js';
import { decodeStreamFrame } from '../../common/protocol/frames.js';
import type { Peer } from '../../transport/peer.js';
import type { GatewayContext } from '../context.js';
import { imageKey } from '../../common/model/trust/image-record.js';
import { nodesWithTasksOf } from './find-holder.js';
import { nodeTimeoutMs, readyNodes } from '../engine/fan-out.js';

type Context = Pick<GatewayContext, 'store' | 'workers' | 'log' | 'control'>;

/** Deadline of a copy from one node to another, ms. */
const copyMs = 15 * 60_000;

/** Image id by tag. */
type Tags = ReadonlyMap<string, string>;

async function tagsOf({ workers }: Context, { id }: Node): Promise<Tags> {
  const deadline = AbortSignal.timeout(nodeTimeoutMs);
  const images = await workers.call(id, 'listImages', {}, deadline).catch(() => []);
  return new Map(
    images.flatMap(({ Id, RepoTags }) => (RepoTags ?? []).map((tag) => [tag, Id] as const)),
  );
}

/**
 * Remembers a node's tags; the returned function records the content of the tags that have moved
 * since, on behalf of the client, and replaces the copies of nodes with tasks of these images, also
 * if the client has left. Other nodes copy the recorded image when they run it. A copy that cannot
 * be replaced is logged.
 */
export async function watchTags(
  context: Context,
  node: Node,
  peer: Peer,
): Promise<() => Promise<void>> {
  const before = await tagsOf(context, node);
  return async () => {
    const moved = [...(await tagsOf(context, node))].filter(
      ([tag, id]) => before.get(tag) !== id && !tag.startsWith('<none>'),
    );
    if (moved.length === 0) return;
    const caller = { peer, signal: AbortSignal.timeout(nodeTimeoutMs) };
    for (const [image] of moved) {
      await context.control('image.record', { image, nodes: [node.id], event: 'made' }, caller);
    }
    const users = nodesWithTasksOf(context, new Set(moved.map(([tag]) => imageKey(tag))));
    const others = readyNodes(context).filter(({ id }) => id !== node.id && users.has(id));
    await Promise.all(
      others.map(async (other) => {
        const held = await tagsOf(context, other);
        for (const [tag, id] of moved) {
          const has = held.get(tag);
          if (has !== undefined && has !== id) await replaceCopy(context, other, tag);
        }
      }),
    );
  };
}

async function replaceCopy(context: Context, node: Node, image: string): Promise<void> {
  try {
    await fetchImage(context, node, image, AbortSignal.timeout(copyMs));
  } catch (error) {
    const { name } = node.spec;
    context.log.warn(`image ${image}: node ${name} keeps an older copy: ${messageOf(error)}`);
  }
}

/** Makes a node copy the image from another one. Throws `unavailable` with its reason. */
export async function fetchImage(
  { workers }: Pick<Context, 'workers'>,
  node: Node,
  image: string,
  signal: AbortSignal,
): Promise<void> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(copyMs)]);
  const { stream } = await workers.open(node.id, { kind: 'fetch-image', image }, deadline);
  try {
    deadline.addEventListener(
      'abort',
      () => {
        stream.close();
      },
      { once: true },
    );
    for await (const message of stream) {
      const frame = typeof message === 'string' ? undefined : decodeStreamFrame(message);
      if (frame?.channel === 'error') {
        throw new AppError('unavailable', Buffer.from(frame.data).toString());
      }
      if (frame?.channel === 'exit') return;
    }
    throw new AppError('unavailable', `image ${image}: node ${node.spec.name} closed the copy`);
  } finally {
    stream.close();
  }
}
