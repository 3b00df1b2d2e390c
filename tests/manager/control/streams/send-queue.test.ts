import test from 'ava';
import type { MessageStream } from '../../../../manager/common/protocol/worker-calls.js';
import { SendQueue } from '../../../../manager/control/streams/send-queue.js';

/** A client that never reads: no send ends. */
const stalled = { send: () => new Promise<never>(() => undefined) } as unknown as MessageStream;

const limits = { messages: 10, bytes: 64 * 1024 };

for (const [what, message, count] of [
  ['many messages', 'x', 12],
  ['large messages', 'x'.repeat(8 * 1024), 10],
] as const) {
  test(`${what} for a client that stopped reading end the stream with the reason`, async (t) => {
    const queue = new SendQueue(stalled, limits);
    for (let left = count; left > 0; left -= 1) queue.push(message);
    const failure = await queue.failed;
    t.is(failure.kind, 'unavailable');
    t.regex(failure.message, /client reads too slowly/u);
  });
}

test('messages are sent in order, and a snapshot of any size has room', async (t) => {
  const sent: string[] = [];
  const queue = new SendQueue(
    {
      send: (text: string) => Promise.resolve(void sent.push(text)),
    } as unknown as MessageStream,
    limits,
  );
  queue.push('x'.repeat(70 * 1024));
  await queue.drained();
  queue.push(1);
  queue.push(2);
  await queue.drained();
  t.is(sent[0]?.length, 70 * 1024 + 2);
  t.deepEqual(sent.slice(1), ['1', '2']);
});
