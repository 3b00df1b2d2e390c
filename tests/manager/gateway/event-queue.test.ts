import test from 'ava';
import { isAppError } from '../../../manager/common/base/errors.js';
import { EventQueue } from '../../../manager/gateway/event-queue.js';

async function take(queue: EventQueue, count: number): Promise<string[]> {
  const taken: string[] = [];
  for await (const text of queue) if (taken.push(text) === count) break;
  return taken;
}

test('events that arrive while one is sent are sent together', async (t) => {
  const queue = new EventQueue(new AbortController().signal);
  queue.push('a');
  queue.push('b');
  t.deepEqual(await take(queue, 1), ['ab']);
  queue.push('c');
  queue.end();
  t.deepEqual(await take(queue, 2), ['c']);
});

test('an abort ends the iteration', async (t) => {
  const gone = new AbortController();
  const queue = new EventQueue(gone.signal);
  const taken = take(queue, 1);
  gone.abort();
  t.deepEqual(await taken, []);
});

for (const [what, event, count] of [
  ['many events', 'x', 20_001],
  ['large events', 'x'.repeat(1024 * 1024), 17],
] as const) {
  test(`${what} for a reader that stopped end the stream with the reason`, async (t) => {
    const queue = new EventQueue(new AbortController().signal);
    queue.push('first');
    const reader = queue[Symbol.asyncIterator]();
    // The reader got an event and never asks for another.
    t.deepEqual(await reader.next(), { done: false, value: 'first' });
    for (let left = count; left > 0; left -= 1) queue.push(event);
    const error: unknown = await t.throwsAsync(queue.overflow, { message: /reads too slowly/u });
    t.true(isAppError(error) && error.kind === 'unavailable');
    t.deepEqual(await reader.next(), { done: true, value: undefined });
  });
}
