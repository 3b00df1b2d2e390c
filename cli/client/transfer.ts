import { AppError, toAppError } from '../../manager/common/base/errors.js';
import { frame, unframe } from '../../manager/common/protocol/frames.js';
import type { MessageStream } from '../../manager/common/protocol/worker-calls.js';
import { parseMessage } from './stream.js';

/**
 * One transfer: sends `input` as it is read, yields what comes back, ends when the other end says it is
 * done. Throws what the other end says went wrong.
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
      const part = unframe(message);
      if (part?.channel === 'stdout') yield part.data;
      else if (part?.channel === 'exit') return;
      else if (part?.channel === 'error') {
        throw new AppError('unavailable', Buffer.from(part.data).toString());
      }
    }
    if (inputError !== undefined) throw toAppError(inputError);
    throw new AppError('unavailable', 'the other end hung up');
  } finally {
    stream.close();
    (input as { destroy?: () => void } | undefined)?.destroy?.();
  }
}

/** As `transfer`, for one that only sends: what comes back is of no interest. */
export async function sendOnly(
  stream: MessageStream,
  input?: NodeJS.ReadableStream,
): Promise<void> {
  const answers = transfer(stream, input);
  for (let next = await answers.next(); next.done !== true; next = await answers.next());
}

async function sendAll(stream: MessageStream, input: NodeJS.ReadableStream): Promise<void> {
  for await (const chunk of input as AsyncIterable<Uint8Array>) {
    // An empty message would end the input.
    if (chunk.length > 0) await stream.send(frame('stdin', chunk));
  }
  await stream.send(frame('stdin', ''));
}
