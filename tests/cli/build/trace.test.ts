import test from 'ava';
import { BuildTrace } from '../../../cli/build/trace.js';

/** Encodes a length-delimited protobuf field. */
function field(number: number, data: Uint8Array | string): Buffer {
  const bytes = Buffer.from(data);
  return Buffer.concat([Buffer.of(number * 8 + 2, bytes.length), bytes]);
}

test('the BuildKit trace prints each step once, with its output', (t) => {
  const vertex = field(1, Buffer.concat([field(1, 'd1'), field(3, '[1/2] RUN x'), field(5, '')]));
  const output = field(3, field(4, 'hello\n'));
  const aux = Buffer.concat([vertex, output]).toString('base64');
  const trace = new BuildTrace();
  const line = { id: 'moby.buildkit.trace', aux };
  t.is(trace.read(line), '[1/2] RUN x\nhello\n');
  t.is(trace.read(line), 'hello\n');
  t.is(trace.read({ id: 'other', aux }), '');
});
