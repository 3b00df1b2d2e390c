import { untilAborted, withDeadline } from '../common/base/cancellation.js';
import type { Clock } from '../common/base/clock.js';
import { AppError, messageOf, toAppError } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import { Semaphore } from '../common/base/semaphore.js';
import type { NodeId } from '../common/model/ids.js';
import {
  imageKey,
  isContentReference,
  recordedId,
  runReference,
  shortImageId,
  splitPinned,
  withClaim,
} from '../common/model/trust/image-record.js';
import type { Node } from '../common/model/node.js';
import { isTerminal } from '../common/model/task-state.js';
import type { NodeImage, WorkerCalls } from '../common/protocol/worker-calls.js';
import type { WorkerMessage } from '../common/protocol/messages.js';
import type { StoreView } from '../store/store.js';
import type { BackgroundWrite } from './background-write.js';
import type { ImageHolder } from './image-source.js';
import { selectImageSource } from './image-source.js';
import { transferImage } from './image-transfer.js';
import type { WorkerSession } from './sessions/session.js';

/** Deadline for a node to answer whether it has an image or layers, ms. */
const askMs = 15_000;
/** Deadline for one image, from the lookup to the end of loading, ms. */
const transferMs = 15 * 60_000;
/** Maximum number of concurrent transfers through this manager; more are queued. */
const maxAtOnce = 4;

export interface ImageDistributorOptions {
  readonly view: StoreView;
  readonly clock: Clock;
  readonly calls: WorkerCalls;
  readonly log: Logger;
  readonly write: BackgroundWrite;
  readonly isConnected: (nodeId: NodeId) => boolean;
}

export interface ImageRequest {
  readonly image: string;
  /** `os/arch[/variant]`; undefined means the requesting node's own platform. */
  readonly platform?: string;
}

/**
 * Copies images between nodes through this manager, so that a cluster needs no registry. A name has
 * one content in the cluster, its record's: a node that claims another is no source.
 */
export class ImageDistributor {
  readonly #options: ImageDistributorOptions;
  readonly #transfers = new Semaphore(maxAtOnce);
  /** When each fetch that a manager has requested expires, by node and image. */
  readonly #fetches = new Map<string, number>();

  constructor(options: ImageDistributorOptions) {
    this.#options = options;
  }

  /** Allows the node to request this image once, as a manager has told it to fetch it. */
  expectFetch(nodeId: NodeId, image: string): void {
    const now = this.#options.clock.elapsed();
    for (const [key, end] of this.#fetches) if (end <= now) this.#fetches.delete(key);
    this.#fetches.set(fetchKey(nodeId, image), now + transferMs);
  }

  /**
   * Resolves with the name of the source node. Throws `not-found` if no reachable node has the
   * image.
   */
  copyImage(to: NodeId, wanted: ImageRequest, outer: AbortSignal): Promise<string> {
    const { clock } = this.#options;
    const late = (): AppError =>
      new AppError('timeout', `image ${wanted.image} to node ${this.#nameOf(to)}: timed out`);
    return withDeadline({ clock, limitMs: transferMs, signal: outer, late }, (signal) =>
      untilAborted(
        this.#transfers.run(() => this.#copy(to, wanted, signal), signal),
        signal,
      ),
    );
  }

  async #copy(to: NodeId, wanted: ImageRequest, signal: AbortSignal): Promise<string> {
    const platform = wanted.platform ?? this.#platformOf(to);
    const expected = this.#recordedId(wanted.image, platform);
    const holders = await this.#holders(to, { image: wanted.image, expected }, signal);
    const choice = selectImageSource(holders, platform, expected);
    if (choice.kind === 'missing') throw noSourceError(wanted.image, platform, holders);
    if (choice.kind === 'differs') throw differsError(wanted.image, expected, choice.holders);
    const source = choice.holder;
    const known = await this.#knownLayers(source, to, signal);
    const transfer = {
      image: wanted.image,
      source,
      target: { nodeId: to, name: this.#nameOf(to) },
    };
    try {
      await transferImage(this.#options, { ...transfer, withoutLayers: known }, signal);
    } catch (error) {
      // A known layer may have been removed since, and some engines only load complete archives.
      if (known === 0 || signal.aborted) throw error;
      this.#options.log.warn(`${messageOf(error)}; retrying with all layers`);
      await transferImage(this.#options, { ...transfer, withoutLayers: 0 }, signal);
    }
    if (expected === undefined) this.#recordCopy(wanted.image, source);
    return source.name;
  }

  /** The recorded id of a name, or of a digest as long as its name has it. */
  #recordedId(image: string, platform: string): string | undefined {
    const pinned = splitPinned(image);
    if (pinned === undefined && isContentReference(image)) return undefined;
    const record = this.#options.view.get('images', imageKey(pinned?.name ?? image));
    if (pinned !== undefined && record?.digest !== pinned.digest) return undefined;
    return recordedId(record, platform);
  }

  /** Records the content of an image that no client has announced, so that it stays the same. */
  #recordCopy(image: string, { nodeId, id, platform }: ImageHolder): void {
    const pinned = splitPinned(image);
    if (pinned === undefined && isContentReference(image)) return;
    const key = imageKey(pinned?.name ?? image);
    this.#options.write((tx) => {
      const known = tx.get('images', key);
      if (pinned !== undefined) {
        if (known?.digest !== pinned.digest || recordedId(known, platform) !== undefined) return;
        tx.put('images', {
          ...known,
          contents: withClaim(known.contents, { nodeId, id, platform }),
        });
        return;
      }
      // A client's record has only contents that clients have announced.
      if (known?.source === 'client' || recordedId(known, platform) !== undefined) return;
      const contents = withClaim(known?.contents ?? {}, { nodeId, id, platform });
      if (known === undefined) tx.create('images', { id: key, contents, source: 'copy', nodeId });
      else tx.put('images', { ...known, contents });
    });
  }

  /** True for the image of a task on the node, or of a fetch that a manager has requested. */
  #isNeeded(nodeId: NodeId, image: string): boolean {
    const { view, clock } = this.#options;
    const fetch = this.#fetches.get(fetchKey(nodeId, image));
    this.#fetches.delete(fetchKey(nodeId, image));
    if (fetch !== undefined && fetch > clock.elapsed()) return true;
    const key = imageKey(image);
    return view
      .tasksOfNode(nodeId)
      .some(
        ({ status, spec }) =>
          !isTerminal(status.state) && imageKey(runReference(spec.container)) === key,
      );
  }

  /** Handles a worker's `want-image` message. */
  async handleRequest(
    session: WorkerSession,
    message: Extract<WorkerMessage, { kind: 'want-image' }>,
  ): Promise<void> {
    const { requestId } = message;
    try {
      if (!this.#isNeeded(session.nodeId, message.image)) {
        throw new AppError(
          'forbidden',
          `image ${message.image}: no task on node ${session.nodeName} uses it`,
        );
      }
      const from = await this.copyImage(session.nodeId, message, session.ended);
      session.post({ kind: 'image', requestId, from });
    } catch (error) {
      const { kind, message: text } = toAppError(error);
      session.post({ kind: 'image', requestId, error: { kind, message: text } });
    }
  }

  #nameOf(nodeId: NodeId): string {
    return this.#options.view.get('nodes', nodeId)?.spec.name ?? nodeId;
  }

  #platformOf(nodeId: NodeId): string {
    const description = this.#options.view.get('nodes', nodeId)?.description;
    return description === undefined ? '' : `${description.os}/${description.arch}`;
  }

  async #holders(
    to: NodeId,
    { image, expected }: { readonly image: string; readonly expected: string | undefined },
    outer: AbortSignal,
  ): Promise<readonly ImageHolder[]> {
    const { view, calls, isConnected } = this.#options;
    // A copy that came from another node has no digest; it is found by its id.
    const other = splitPinned(image) === undefined ? undefined : expected;
    const find = (node: Node, reference: string): Promise<NodeImage | null> =>
      this.#withinAskTime(outer, (signal) =>
        calls.call(node.id, 'findImage', { image: reference }, signal),
      );
    const ask = async (node: Node): Promise<readonly ImageHolder[]> => {
      try {
        const named = await find(node, image);
        const seen = named === null && other !== undefined ? await find(node, other) : named;
        return seen === null ? [] : [{ nodeId: node.id, name: node.spec.name, ...seen }];
      } catch {
        // A node that cannot answer is no source either.
        return [];
      }
    };
    const candidates = view.list('nodes').filter(({ id }) => id !== to && isConnected(id));
    return (await Promise.all(candidates.map(ask))).flat();
  }

  /** Number of leading layers the target already has; 0 if it cannot tell. */
  async #knownLayers(source: ImageHolder, to: NodeId, outer: AbortSignal): Promise<number> {
    const { layers = [] } = source;
    if (layers.length === 0) return 0;
    return this.#withinAskTime(outer, (signal) =>
      this.#options.calls.call(to, 'knownLayers', { layers }, signal),
    ).catch(() => 0);
  }

  #withinAskTime<Result>(
    signal: AbortSignal,
    ask: (signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    const late = (): AppError => new AppError('timeout', 'a node did not answer in time');
    return withDeadline({ clock: this.#options.clock, limitMs: askMs, signal, late }, ask);
  }
}

function fetchKey(nodeId: NodeId, image: string): string {
  return `${nodeId} ${imageKey(image)}`;
}

function differsError(
  image: string,
  expected: string | undefined,
  holders: readonly ImageHolder[],
): AppError {
  const copies = holders.map(({ name, id }) => `${name} (${shortImageId(id)})`).join(', ');
  const problem =
    expected === undefined
      ? `nodes have different contents: ${copies}`
      : `no connected node has its recorded content ${shortImageId(expected)}; other contents are on ${copies}`;
  return new AppError('not-found', `image ${image}: ${problem}; build, pull or load it again`);
}

function noSourceError(image: string, platform: string, holders: readonly ImageHolder[]): AppError {
  const names = holders.map((holder) => `${holder.name} (${holder.platform})`).join(', ');
  const reason =
    holders.length === 0
      ? 'no other node of the cluster has it'
      : `other nodes have it only for another platform than ${platform}: ${names}`;
  return new AppError(
    'not-found',
    `${reason}; push ${image} to a registry or build it on this cluster`,
  );
}
