import { PassThrough, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import test from 'ava';
import { flush, sinkOf } from '../../../cli/output/terminal.js';

/** A stream whose reader takes nothing until it is consumed. */
function stalled(): NodeJS.WriteStream & PassThrough {
  return new PassThrough({ highWaterMark: 10 }) as unknown as NodeJS.WriteStream & PassThrough;
}

const never = new AbortController().signal;

test('send resolves at once while the reader keeps up', async (t) => {
  const stream = stalled();
  await sinkOf(stream, never).send('short');
  t.is(String(stream.read()), 'short');
});

test('send waits for a reader that has fallen behind', async (t) => {
  const stream = stalled();
  let isSent = false;
  const sending = sinkOf(stream, never)
    .send(Buffer.alloc(100, 'x'))
    .then(() => (isSent = true));
  await new Promise(setImmediate);
  t.false(isSent);
  stream.resume();
  t.true(await sending);
});

test('an interrupt ends the wait for a stopped reader as cancelled', async (t) => {
  const interrupt = new AbortController();
  const sending = sinkOf(stalled(), interrupt.signal).send(Buffer.alloc(100));
  interrupt.abort();
  await t.throwsAsync(sending, { message: 'interrupted' });
});

test('flush resolves after everything written was taken', async (t) => {
  const stream = stalled();
  for (let count = 0; count < 100; count += 1) stream.write(`${count}\n`);
  const flushed = flush(stream).then(() => stream.end());
  const all = await buffer(stream);
  await flushed;
  t.is(all.toString().split('\n').length, 101);
});

test('flush rejects with the error of a failed stream', async (t) => {
  const stream = new Writable({
    write(_chunk, _encoding, done) {
      done(new Error('no space left'));
    },
  });
  stream.on('error', () => undefined);
  stream.write('lost');
  await t.throwsAsync(flush(stream));
});
