import { AppError, messageOf, toAppError } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import type { NodeId } from '../common/model/ids.js';
import type { Node } from '../common/model/node.js';
import { frame, unframe } from '../common/protocol/frames.js';
import type { MessageStream, SeenImage, WorkerCalls } from '../common/protocol/worker-calls.js';
import type { WorkerMessage } from '../common/protocol/messages.js';
import type { StoreView } from '../store/store.js';
import type { ImageHolder } from './image-source.js';
import { bestSource } from './image-source.js';
import type { Session } from './session.js';

/** Until every node has said whether it has the image. */
const askMs = 15_000;
/** One image, from asking to loaded. */
const carryMs = 15 * 60_000;
/** Archives that go through this manager at once; the others wait. */
const maxAtOnce = 4;

export interface ImageCarrierOptions {
  readonly view: StoreView;
  readonly calls: WorkerCalls;
  readonly log: Logger;
  readonly isConnected: (nodeId: NodeId) => boolean;
}

export interface WantedImage {
  readonly image: string;
  /** Undefined is the asking node's own. */
  readonly platform?: string;
}

/** Brings images from nodes that have them to nodes that need them, so that a cluster needs no registry. */
export class ImageCarrier {
  readonly #options: ImageCarrierOptions;
  readonly #waiting: (() => void)[] = [];
  #busy = 0;

  constructor(options: ImageCarrierOptions) {
    this.#options = options;
  }

  /** Resolves with the name of the node it came from. `not-found` when no node that answers has it. */
  async carry(to: NodeId, wanted: WantedImage, outer: AbortSignal): Promise<string> {
    const signal = AbortSignal.any([outer, AbortSignal.timeout(carryMs)]);
    await this.#turn(signal);
    try {
      const platform = wanted.platform ?? this.#platformOf(to);
      const holders = await this.#holders(to, wanted.image, signal);
      const source = bestSource(holders, platform);
      if (source === undefined) throw nobody(wanted.image, platform, holders);
      const known = await this.#knownLayers(source, to, signal);
      try {
        await this.#transfer(source, to, { image: wanted.image, withoutLayers: known }, signal);
      } catch (error) {
        // A layer may have been removed since, and an engine may want all of them.
        if (known === 0 || signal.aborted) throw error;
        this.#options.log.warn(`${messageOf(error)}: carrying all layers`);
        await this.#transfer(source, to, { image: wanted.image, withoutLayers: 0 }, signal);
      }
      return source.name;
    } finally {
      this.#busy -= 1;
      this.#waiting.shift()?.();
    }
  }

  /** Serves a worker's `want-image`. */
  async answer(
    session: Session,
    message: Extract<WorkerMessage, { kind: 'want-image' }>,
  ): Promise<void> {
    const { requestId } = message;
    try {
      const from = await this.carry(session.nodeId, message, session.ended);
      session.post({ kind: 'image', requestId, from });
    } catch (error) {
      const { kind, message: text } = toAppError(error);
      session.post({ kind: 'image', requestId, error: { kind, message: text } });
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    while (this.#busy >= maxAtOnce) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        signal.addEventListener(
          'abort',
          () => {
            resolve();
          },
          { once: true },
        );
      });
      if (!signal.aborted) continue;
      // It may be its turn just now: that goes to the next.
      this.#waiting.shift()?.();
      throw new AppError('cancelled', 'fetching an image was cancelled');
    }
    this.#busy += 1;
  }

  #platformOf(nodeId: NodeId): string {
    const description = this.#options.view.get('nodes', nodeId)?.description;
    return description === undefined ? '' : `${description.os}/${description.arch}`;
  }

  async #holders(to: NodeId, image: string, outer: AbortSignal): Promise<readonly ImageHolder[]> {
    const { view, calls, isConnected } = this.#options;
    const signal = AbortSignal.any([outer, AbortSignal.timeout(askMs)]);
    const ask = async (node: Node): Promise<readonly ImageHolder[]> => {
      try {
        const seen: SeenImage | null = await calls.call(node.id, 'findImage', { image }, signal);
        return seen === null ? [] : [{ nodeId: node.id, name: node.spec.name, ...seen }];
      } catch {
        // A node that cannot say has nothing to give either.
        return [];
      }
    };
    const others = view.list('nodes').filter(({ id }) => id !== to && isConnected(id));
    return (await Promise.all(others.map(ask))).flat();
  }

  /** Layers that need not be sent; one that cannot say has none. */
  async #knownLayers(source: ImageHolder, to: NodeId, outer: AbortSignal): Promise<number> {
    const { layers = [] } = source;
    if (layers.length === 0) return 0;
    const signal = AbortSignal.any([outer, AbortSignal.timeout(askMs)]);
    return this.#options.calls.call(to, 'knownLayers', { layers }, signal).catch(() => 0);
  }

  async #transfer(
    source: ImageHolder,
    to: NodeId,
    wanted: { readonly image: string; readonly withoutLayers: number },
    signal: AbortSignal,
  ): Promise<void> {
    const { calls, log, view } = this.#options;
    const { image, withoutLayers } = wanted;
    const target = view.get('nodes', to)?.spec.name ?? to;
    const where = `image ${image} from node ${source.name} to node ${target}`;
    const layers = source.layers?.length;
    log.info(`carrying ${where}`, { bytes: source.sizeBytes, layers, known: withoutLayers });
    const without = withoutLayers === 0 ? {} : { withoutLayers };
    const from = await calls.open(source.nodeId, { kind: 'save-image', image, ...without }, signal);
    try {
      const into = await calls.open(to, { kind: 'load-image', image }, signal);
      const hangUp = (): void => {
        from.stream.close();
        into.stream.close();
      };
      signal.addEventListener('abort', hangUp, { once: true });
      try {
        const loaded = untilExit(into.stream);
        // Looked at below; a load that fails early is the reason the sending fails.
        loaded.catch(hangUp);
        const sentBytes = await pour(from.stream, into.stream).catch(async (error: unknown) => {
          into.stream.close();
          await loaded;
          throw error;
        });
        await loaded;
        log.info(`carried ${where}`, { sentBytes });
      } finally {
        signal.removeEventListener('abort', hangUp);
        into.stream.close();
      }
    } catch (error) {
      if (signal.aborted) throw new AppError('timeout', `${where}: not done in time`);
      const { kind } = toAppError(error);
      throw new AppError(kind, `${where}: ${messageOf(error)}`, { cause: error });
    } finally {
      from.stream.close();
    }
  }
}

/** An archive's bytes from one stream into the other; waiting for each send is the back-pressure. */
async function pour(from: MessageStream, into: MessageStream): Promise<number> {
  let bytes = 0;
  for await (const message of from) {
    const part = typeof message === 'string' ? undefined : unframe(message);
    if (part?.channel === 'stdout') {
      bytes += part.data.length;
      await into.send(frame('stdin', part.data));
    } else if (part?.channel === 'error') throw new AppError('unavailable', textOf(part.data));
    else if (part?.channel === 'exit') {
      await into.send(frame('stdin', ''));
      return bytes;
    }
  }
  throw new AppError('unavailable', 'the node that has it hung up');
}

async function untilExit(stream: MessageStream): Promise<void> {
  for await (const message of stream) {
    const part = typeof message === 'string' ? undefined : unframe(message);
    if (part?.channel === 'error') throw new AppError('unavailable', textOf(part.data));
    if (part?.channel === 'exit') return;
  }
  throw new AppError('unavailable', 'the node that needs it hung up');
}

function textOf(data: Uint8Array): string {
  return Buffer.from(data).toString();
}

function nobody(image: string, platform: string, holders: readonly ImageHolder[]): AppError {
  const names = holders.map((holder) => `${holder.name} (${holder.platform})`).join(', ');
  const reason =
    holders.length === 0
      ? 'no other node of the cluster has it'
      : `other nodes have it only for another platform than ${platform}: ${names}`;
  return new AppError('not-found', `${reason}: push ${image} to a registry or build it here`);
}
