import { encodeStreamFrame } from '../../manager/common/protocol/frames.js';
import type { MessageStream } from '../../manager/common/protocol/worker-calls.js';
import type { ProcessOutput } from '../executor/demux.js';

/** Sends output as stream frames, no faster than the peer takes them. */
export async function sendOutput(
  stream: Pick<MessageStream, 'send'>,
  output: AsyncIterable<readonly ProcessOutput[]>,
): Promise<void> {
  for await (const chunks of output) {
    for (const { stream: channel, data } of chunks) {
      await stream.send(encodeStreamFrame(channel, data));
    }
  }
}
