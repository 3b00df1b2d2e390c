import { AppError, messageOf, toAppError } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import type { NodeId } from '../common/model/ids.js';
import { splitPinned } from '../common/model/trust/image-record.js';
import { encodeStreamFrame, decodeStreamFrame } from '../common/protocol/frames.js';
import type { MessageStream, WorkerCalls } from '../common/protocol/worker-calls.js';
import type { ImageHolder } from './image-source.js';

interface Transfer {
  readonly image: string;
  readonly source: ImageHolder;
  readonly target: { readonly nodeId: NodeId; readonly name: string };
  /** Number of lowest layers to leave out, as the target has them. */
  readonly withoutLayers: number;
}

interface TransferContext {
  readonly calls: Pick<WorkerCalls, 'open'>;
  readonly log: Logger;
}

/** Passes an image's archive from the source's engine to the target's, with back-pressure. */
export async function transferImage(
  { calls, log }: TransferContext,
  { image, source, target, withoutLayers }: Transfer,
  signal: AbortSignal,
): Promise<void> {
  const where = `image ${image} from node ${source.name} to node ${target.name}`;
  const layers = source.layers?.length;
  log.info(`transferring ${where}`, { bytes: source.sizeBytes, layers, known: withoutLayers });
  const without = withoutLayers === 0 ? {} : { withoutLayers };
  // An archive can carry no digest as a name.
  const saved = splitPinned(image) === undefined ? image : source.id;
  const save = { kind: 'save-image', image: saved, ...without } as const;
  const from = await calls.open(source.nodeId, save, signal);
  try {
    const request = { kind: 'load-image', image, id: source.id } as const;
    const into = await calls.open(target.nodeId, request, signal);
    const sentBytes = await connect(from.stream, into.stream, signal);
    log.info(`transferred ${where}`, { sentBytes });
  } catch (error) {
    const { kind } = toAppError(error);
    throw new AppError(kind, `${where}: ${messageOf(error)}`, { cause: error });
  } finally {
    from.stream.close();
  }
}

/** Sends the archive until the target has loaded it. Returns the byte count. */
async function connect(
  from: MessageStream,
  into: MessageStream,
  signal: AbortSignal,
): Promise<number> {
  const closeBoth = (): void => {
    from.close();
    into.close();
  };
  signal.addEventListener('abort', closeBoth);
  try {
    const loaded = untilExit(into);
    let loadFailure: AppError | undefined;
    loaded.catch((error: unknown) => {
      loadFailure = toAppError(error);
      closeBoth();
    });
    const sentBytes = await pipe(from, async (data) => {
      try {
        await into.send(encodeStreamFrame('stdin', data));
      } catch (error) {
        // The target's last words say why it takes no more.
        into.close();
        await loaded;
        throw error;
      }
    }).catch((error: unknown) => {
      throw loadFailure ?? error;
    });
    await loaded;
    return sentBytes;
  } finally {
    signal.removeEventListener('abort', closeBoth);
    into.close();
  }
}

/**
 * Sends an archive on, with an empty part at its end; awaiting each part gives back-pressure.
 * Returns the byte count.
 */
async function pipe(
  from: MessageStream,
  send: (data: Uint8Array | string) => Promise<void>,
): Promise<number> {
  let bytes = 0;
  for await (const message of from) {
    const part = typeof message === 'string' ? undefined : decodeStreamFrame(message);
    if (part?.channel === 'stdout') {
      bytes += part.data.length;
      await send(part.data);
    } else if (part?.channel === 'error') throw new AppError('unavailable', decodeText(part.data));
    else if (part?.channel === 'exit') {
      await send('');
      return bytes;
    }
  }
  throw new AppError('unavailable', 'the source node closed the stream too early');
}

async function untilExit(stream: MessageStream): Promise<void> {
  for await (const message of stream) {
    const part = typeof message === 'string' ? undefined : decodeStreamFrame(message);
    if (part?.channel === 'error') throw new AppError('unavailable', decodeText(part.data));
    if (part?.channel === 'exit') return;
  }
  throw new AppError('unavailable', 'the target node closed the stream too early');
}

function decodeText(data: Uint8Array): string {
  return Buffer.from(data).toString();
}
