import test from 'ava';
import { forwardMessages } from '../../../manager/transport/forward.js';
import { until } from '../../helpers/until.js';

/** Yields the numbers from 1 on, and records how many were read and whether the reader has left. */
class Source {
  read = 0;
  left = false;

  async *messages(count: number): AsyncGenerator<string> {
    try {
      for (let number = 1; number <= count; number += 1) {
        await Promise.resolve();
        this.read = number;
        yield String(number);
      }
    } finally {
      this.left = true;
    }
  }
}

test('messages are forwarded in order and unchanged until the source ends', async (t) => {
  const sent: (string | Uint8Array)[] = [];
  const frame = new Uint8Array([0, 255, 10]);
  const from = (async function* () {
    await Promise.resolve();
    yield 'text';
    yield frame;
  })();
  await forwardMessages(from, {
    send: (message) => {
      sent.push(message);
      return Promise.resolve();
    },
  });
  t.is(sent[0], 'text');
  t.is(sent[1], frame);
  t.is(sent.length, 2);
});

test('the next message is read only once the last one was taken', async (t) => {
  const source = new Source();
  const sends: (() => void)[] = [];
  const done = forwardMessages(source.messages(3), {
    send: () =>
      new Promise((resolve) => {
        sends.push(resolve);
      }),
  });
  for (const number of [1, 2, 3]) {
    await until(`message ${String(number)} is sent`, 5_000, () => sends.length === number);
    // Time enough for a loop that does not wait to read everything.
    await new Promise((resolve) => setImmediate(resolve));
    t.is(source.read, number);
    sends[number - 1]?.();
  }
  await done;
  t.true(source.left);
});

test('a receiver that fails ends the loop and releases the source', async (t) => {
  const source = new Source();
  const closed = new Error('connection closed');
  const send = (): Promise<void> => Promise.reject(closed);
  t.is(await t.throwsAsync(forwardMessages(source.messages(9), { send })), closed);
  t.is(source.read, 1);
  t.true(source.left);
});

test('an error of the source reaches the caller', async (t) => {
  const lost = new Error('connection lost');
  const from = {
    // eslint-disable-next-line require-yield -- a source that fails before its first message
    async *[Symbol.asyncIterator](): AsyncGenerator<string> {
      await Promise.resolve();
      throw lost;
    },
  };
  t.is(await t.throwsAsync(forwardMessages(from, { send: () => Promise.resolve() })), lost);
});
