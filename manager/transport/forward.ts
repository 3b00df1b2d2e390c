import type { MessageStream } from '../common/protocol/worker-calls.js';

/** Forwards messages until `from` ends; awaiting each send gives back-pressure. */
export async function forwardMessages(
  from: AsyncIterable<string | Uint8Array>,
  to: Pick<MessageStream, 'send'>,
): Promise<void> {
  for await (const message of from) await to.send(message);
}
