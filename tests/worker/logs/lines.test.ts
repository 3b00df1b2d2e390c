import test from 'ava';
import fc from 'fast-check';
import { logBytes, type LogLine } from '../../../manager/common/protocol/worker-calls.js';
import { lineReader } from '../../../worker/logs/lines.js';

const stamp = '2026-01-02T03:04:05.000000006Z';
const later = '2026-01-02T03:04:05.000000007Z';
const pieceBytes = 16_384;

function frame(data: Uint8Array | string, stream: 'stdout' | 'stderr' = 'stdout'): Buffer {
  const bytes = Buffer.from(data as string);
  const header = Buffer.alloc(8);
  header[0] = stream === 'stderr' ? 2 : 1;
  header.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
}

/** The engine's records of one line, in pieces of 16 KiB. */
function records(line: Buffer, at = stamp): Buffer[] {
  const all = Buffer.concat([line, Buffer.from('\n')]);
  const pieces: Buffer[] = [];
  for (let from = 0; from < all.length; from += pieceBytes) {
    // The line end belongs to the last piece.
    const isLast = all.length - from <= pieceBytes + 1;
    const piece = all.subarray(from, isLast ? undefined : from + pieceBytes);
    pieces.push(Buffer.concat([Buffer.from(`${at} `), piece]));
    if (isLast) break;
  }
  return pieces;
}

function read(wire: Buffer, size: number, tty = false): LogLine[] {
  const reader = lineReader(tty);
  const lines: LogLine[] = [];
  for (let at = 0; at < wire.length; at += size)
    lines.push(...reader.push(wire.subarray(at, at + size)));
  return [...lines, ...reader.end()];
}

function textOf(lines: readonly LogLine[]): Buffer {
  return Buffer.concat(lines.map(logBytes));
}

test('the timestamp is removed and the rest of the line is unchanged', (t) => {
  const [line] = read(frame(`${stamp} GET / 200  ok \r\n`), 1_000);
  t.deepEqual(line, { at: Date.parse(stamp), stamp, stream: 'stdout', text: 'GET / 200  ok \r' });
});

test('a terminal line ends with CR LF', (t) => {
  const lines = read(Buffer.from(`${stamp} \r\n${stamp} typed\r\n${stamp} cut`), 7, true);
  t.deepEqual(
    lines.map(({ text, partial = false }) => [text, partial]),
    [
      ['', false],
      ['typed', false],
      ['cut', true],
    ],
  );
});

test('stdout and stderr are assembled independently', (t) => {
  const [long] = records(Buffer.alloc(pieceBytes, 'x'));
  const wire = Buffer.concat([
    frame(`${stamp} ${'x'.repeat(pieceBytes)}`),
    frame(`${later} err\n`, 'stderr'),
    frame(`${stamp} end\n`),
  ]);
  t.true((long?.length ?? 0) > pieceBytes);
  t.deepEqual(
    read(wire, 1_000).map(({ stream, text }) => [stream, text.slice(-3), text.length]),
    [
      ['stderr', 'err', 3],
      ['stdout', 'end', pieceBytes + 3],
    ],
  );
});

test('the pieces of a long line are joined without their timestamps', (t) => {
  const line = Buffer.from('äö€'.repeat(20_000));
  for (const tty of [false, true]) {
    const pieces = records(line);
    const wire = Buffer.concat(tty ? pieces : pieces.map((piece) => frame(piece)));
    const lines = read(wire, 5_000, tty);
    t.is(lines.length, 1);
    t.is(lines[0]?.text, line.toString());
    t.is(lines[0]?.partial, undefined);
  }
});

test('a line without an end before a restart is not joined with the next line', (t) => {
  const wire = Buffer.concat([frame(`${stamp} foo`), frame(`${later} bar\n`)]);
  t.deepEqual(
    read(wire, 3).map(({ text, partial = false }) => [text, partial]),
    [
      ['foo', true],
      ['bar', false],
    ],
  );
});

test('bytes that are not UTF-8 are kept', (t) => {
  const bytes = Buffer.from([0x62, 0xff, 0xfe, 0x0d]);
  const [line] = read(
    frame(Buffer.concat([Buffer.from(`${stamp} `), bytes, Buffer.from('\n')])),
    9,
  );
  if (line === undefined) return t.fail();
  t.is(line.text, 'b\ufffd\ufffd\r');
  t.deepEqual(Buffer.from(logBytes(line)), bytes);
});

test('a line of many megabytes is passed on in parts that cut no character', (t) => {
  const line = Buffer.from('€'.repeat(1_500_000));
  const lines = read(Buffer.concat(records(line).map((piece) => frame(piece))), 65_536);
  t.true(lines.length > 2);
  t.true(lines.slice(0, -1).every(({ partial }) => partial === true));
  t.is(lines.at(-1)?.partial, undefined);
  t.true(lines.every(({ bytes }) => bytes === undefined));
  t.true(textOf(lines).equals(line));
});

test('every line arrives unchanged, whatever its bytes and the chunking', (t) => {
  const anyLine = fc
    .uint8Array({ maxLength: 40 })
    .map((line) => line.map((byte) => (byte === 10 ? 0 : byte)));
  fc.assert(
    fc.property(fc.array(anyLine), fc.integer({ min: 1, max: 30 }), (texts, size) => {
      const wire = Buffer.concat(
        texts.flatMap((text) => records(Buffer.from(text)).map((record) => frame(record))),
      );
      t.deepEqual(
        read(wire, size).map((line) => Buffer.from(logBytes(line)).toString('hex')),
        texts.map((text) => Buffer.from(text).toString('hex')),
      );
    }),
  );
});
