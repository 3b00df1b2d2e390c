import { AppError, toAppError } from '../../manager/common/base/errors.js';
import { encodeStreamFrame, decodeStreamFrame } from '../../manager/common/protocol/frames.js';
import type { MessageStream } from '../../manager/common/protocol/worker-calls.js';
import { parseMessage } from './stream.js';

/**
 * Runs one transfer: sends `input` as it is read, yields the data received, and returns on the
 * peer's exit message. Throws `unavailable` with the peer's error, or if the stream closes before
 * the exit message.
 */
export async function* transfer(
  stream: MessageStream,
  input?: NodeJS.ReadableStream,
): AsyncGenerator<Uint8Array> {
  let inputError: unknown;
  const sending = input === undefined ? Promise.resolve() : sendAll(stream, input);
  sending.catch((error: unknown) => {
    inputError = error;
    stream.close();
  });
  try {
    for await (const message of stream) {
      if (typeof message === 'string') {
        parseMessage(message);
        continue;
      }
      const part = decodeStreamFrame(message);
      if (part?.channel === 'stdout') yield part.data;
      else if (part?.channel === 'exit') return;
      else if (part?.channel === 'error') {
        throw new AppError('unavailable', Buffer.from(part.data).toString());
      }
    }
    if (inputError !== undefined) throw toAppError(inputError);
    throw new AppError(
      'unavailable',
      'transfer: connection closed before the transfer was complete; try again',
    );
  } finally {
    stream.close();
    (input as { destroy?: () => void } | undefined)?.destroy?.();
  }
}

/** Runs a `transfer` that only sends; data received is discarded. */
export async function sendOnly(
  stream: MessageStream,
  input?: NodeJS.ReadableStream,
): Promise<void> {
  const received = transfer(stream, input);
  for (let next = await received.next(); next.done !== true; next = await received.next());
}

async function sendAll(stream: MessageStream, input: NodeJS.ReadableStream): Promise<void> {
  for await (const chunk of input as AsyncIterable<Uint8Array>) {
    // An empty frame means end of input.
    if (chunk.length > 0) await stream.send(encodeStreamFrame('stdin', chunk));
  }
  await stream.send(encodeStreamFrame('stdin', ''));
}
