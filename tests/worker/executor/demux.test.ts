import { Readable } from 'node:stream';
import test from 'ava';
import fc from 'fast-check';
import {
  Demux,
  processOutput,
  type OutputChunk,
  type ProcessOutput,
} from '../../../worker/executor/demux.js';

type Sent = readonly ['stdout' | 'stderr', Uint8Array];

function framed([stream, data]: Sent): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream === 'stderr' ? 2 : 1;
  header.writeUInt32BE(data.length, 4);
  return Buffer.concat([header, data]);
}

function joined(
  outputs: readonly Omit<OutputChunk, 'isEnd'>[],
): Record<'stdout' | 'stderr', string> {
  const hex = (stream: string): string =>
    outputs
      .filter((output) => output.stream === stream)
      .map(({ data }) => Buffer.from(data).toString('hex'))
      .join('');
  return { stdout: hex('stdout'), stderr: hex('stderr') };
}

const anyFrames = fc.array(
  fc.tuple(fc.constantFrom('stdout' as const, 'stderr' as const), fc.uint8Array({ maxLength: 40 })),
  { maxLength: 12 },
);

test('the output does not depend on the chunking of the frames', (t) => {
  fc.assert(
    fc.property(
      anyFrames,
      fc.array(fc.integer({ min: 1, max: 17 }), { minLength: 1 }),
      (frames, cuts) => {
        const wire = Buffer.concat(frames.map(framed));
        const demux = new Demux();
        const outputs: OutputChunk[] = [];
        for (let at = 0, turn = 0; at < wire.length; turn += 1) {
          const length = cuts[turn % cuts.length] ?? 1;
          outputs.push(...demux.push(wire.subarray(at, at + length)));
          at += length;
        }
        const expected = joined(frames.map(([stream, data]) => ({ stream, data })));
        t.deepEqual(joined(outputs), expected);
      },
    ),
  );
});

test('data is passed on before its frame is complete', (t) => {
  const demux = new Demux();
  const wire = framed(['stdout', Buffer.from('prompt> ')]);
  const [first] = demux.push(wire.subarray(0, 14));
  t.is(Buffer.from(first?.data ?? []).toString(), 'prompt');
});

test('the output of a process is raw with a TTY and framed without', async (t) => {
  const frame = framed(['stderr', Buffer.from('oops')]);
  const read = async (tty: boolean): Promise<Record<'stdout' | 'stderr', string>> => {
    const outputs: ProcessOutput[] = [];
    for await (const chunks of processOutput(Readable.from([frame]), tty)) outputs.push(...chunks);
    return joined(outputs);
  };
  t.deepEqual(await read(true), { stdout: frame.toString('hex'), stderr: '' });
  t.deepEqual(await read(false), { stdout: '', stderr: Buffer.from('oops').toString('hex') });
});
