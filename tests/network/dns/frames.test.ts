import test from 'ava';
import fc from 'fast-check';
import { DnsFrameReader, frameDnsMessage } from '../../../network/dns/frames.js';

test('a frame has the length of its message in two bytes', (t) => {
  t.is(frameDnsMessage(Buffer.from('abc')).toString('hex'), '0003616263');
  t.is(frameDnsMessage(Buffer.alloc(300)).readUInt16BE(0), 300);
});

test('messages arrive whole and in order, however the stream is cut', (t) => {
  const anyMessages = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 });
  fc.assert(
    fc.property(anyMessages, fc.array(fc.integer({ min: 1, max: 50 })), (sent, cuts) => {
      const messages = sent.map((bytes) => Buffer.from(bytes));
      const stream = Buffer.concat(messages.map((message) => frameDnsMessage(message)));
      const reader = new DnsFrameReader();
      const received: Buffer[] = [];
      let at = 0;
      for (const length of [...cuts, stream.length]) {
        received.push(...reader.push(stream.subarray(at, at + length)));
        at += length;
      }
      t.deepEqual(received, messages);
    }),
  );
});

test('a message is available with its last byte', (t) => {
  const reader = new DnsFrameReader();
  const frame = frameDnsMessage(Buffer.from('ab'));
  t.deepEqual(reader.push(frame.subarray(0, 1)), []);
  t.deepEqual(reader.push(frame.subarray(1, 3)), []);
  t.deepEqual(reader.push(frame.subarray(3)), [Buffer.from('ab')]);
});
