import { crc32 } from 'node:zlib';
import test from 'ava';
import fc from 'fast-check';
import { isAppError } from '../../../../manager/common/base/errors.js';
import type {
  LogFrame,
  LogFrameKind,
  ReadableFile,
} from '../../../../manager/store/embedded/frames.js';
import {
  encodeLogFrame,
  firstLine,
  LogFrameReader,
} from '../../../../manager/store/embedded/frames.js';

type Wanted = readonly [kind: LogFrameKind, text: string];

function fileOf(frames: readonly Wanted[]): Buffer {
  let chain = 0;
  const parts = frames.map(([kind, text]) => {
    const encoded = encodeLogFrame(kind, text, chain);
    ({ chain } = encoded);
    return encoded.bytes;
  });
  return Buffer.concat([Buffer.from(firstLine), ...parts]);
}

interface ReadResult {
  readonly frames: readonly LogFrame[];
  /** Position after the last frame. */
  readonly at: number;
  readonly error: string;
}

/** A file in memory that reads at most 1 MiB at once. */
class MemoryFile implements ReadableFile {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }> {
    const end = position + Math.min(length, 1_024 * 1_024);
    return Promise.resolve({ bytesRead: this.#bytes.copy(buffer, offset, position, end) });
  }
}

/** Reads the frames of a file with these bytes; `size` is what the reader believes of it. */
async function readBytes(bytes: Buffer, size = bytes.length): Promise<ReadResult> {
  const reader = new LogFrameReader(new MemoryFile(bytes), 'FILE', size);
  const frames: LogFrame[] = [];
  let error = '';
  try {
    await reader.open();
    for await (const frame of reader.frames()) frames.push(frame);
  } catch (thrown) {
    if (!isAppError(thrown)) throw thrown;
    error = `${thrown.kind}: ${thrown.message}`;
  }
  return { frames, at: reader.at, error };
}

const three: readonly Wanted[] = [
  ['header', '{"kind":"log"}'],
  ['more', 'ä\n'],
  ['batch', 'a\tb\n'],
];

/** Frames of any text that ends with a line feed, as lines do. */
const anyFrames: fc.Arbitrary<readonly Wanted[]> = fc.array(
  fc.tuple(
    fc.constantFrom<LogFrameKind>('header', 'more', 'batch'),
    fc.string({ unit: 'binary', maxLength: 30 }).map((text) => `${text}\n`),
  ),
  { maxLength: 6 },
);

test('frames are read as they were written, with their positions', async (t) => {
  await fc.assert(
    fc.asyncProperty(anyFrames, async (wanted) => {
      const bytes = fileOf([...wanted, ['end', '']]);
      const { frames, at, error } = await readBytes(bytes);
      t.is(error, '');
      t.deepEqual(
        frames.map(({ kind, text }) => [kind, text]),
        [...wanted, ['end', '']],
      );
      t.is(at, bytes.length);
      t.deepEqual(
        frames.map((frame) => frame.at),
        frames.map((_, n) => fileOf(wanted.slice(0, n)).length),
      );
    }),
    { numRuns: 30 },
  );
});

test('a file cut anywhere after its first line ends with the last complete frame', async (t) => {
  const bytes = fileOf(three);
  const ends = three.map((_, n) => fileOf(three.slice(0, n + 1)).length);
  for (let size = firstLine.length; size <= bytes.length; size += 1) {
    const { frames, at, error } = await readBytes(bytes.subarray(0, size));
    const complete = ends.filter((end) => end <= size);
    t.is(error, '');
    t.is(frames.length, complete.length);
    t.is(at, complete.at(-1) ?? firstLine.length);
  }
});

test('a tail of zeros ends the file, from wherever the frame was not written', async (t) => {
  const bytes = fileOf(three);
  const lastAt = fileOf(three.slice(0, 2)).length;
  for (let size = lastAt + 1; size < bytes.length; size += 1) {
    const padded = Buffer.concat([bytes.subarray(0, size), Buffer.alloc(bytes.length - size)]);
    const { frames, error } = await readBytes(padded);
    // A length or checksum that only a part of reached the disk cannot be told from damage.
    if (error === '') t.is(frames.length, 2);
    else t.true(size - lastAt < 12);
  }
  const far = Buffer.concat([bytes, Buffer.alloc(9 * 1024 * 1024)]);
  const { frames, at, error } = await readBytes(far);
  t.deepEqual([frames.length, at, error], [3, bytes.length, '']);
});

test('a zero length or body that something follows is damage', async (t) => {
  const bytes = fileOf(three);
  for (const [gap, reason] of [
    [100, 'frame length does not match its checksum'],
    [9 * 1024 * 1024, 'frame length does not match its checksum'],
  ] as const) {
    const holed = Buffer.concat([bytes, Buffer.alloc(gap), Buffer.from('x')]);
    const { error } = await readBytes(holed);
    t.is(error, `internal: FILE is damaged at byte ${bytes.length}: ${reason}`);
  }
  const zeroed = Buffer.concat([bytes]);
  const second = fileOf(three.slice(0, 1)).length;
  zeroed.fill(0, second + 12, fileOf(three.slice(0, 2)).length);
  const { error } = await readBytes(zeroed);
  t.is(
    error,
    `internal: FILE is damaged at byte ${second}: frame body does not match its checksum`,
  );
});

test('a flipped bit of any byte is damage, also in the last frame', async (t) => {
  const bytes = fileOf([...three, ['end', '']]);
  for (let at = firstLine.length; at < bytes.length; at += 1) {
    const damaged = Buffer.from(bytes);
    damaged.writeUInt8((damaged[at] ?? 0) ^ 4, at);
    const { error } = await readBytes(damaged);
    t.regex(error, /^internal: FILE is damaged at byte \d+: frame (?:length|body) does not match/u);
  }
});

test('frames that are exchanged, repeated or left out are damage', async (t) => {
  const [one, two] = [fileOf(three.slice(0, 1)), fileOf(three.slice(0, 2))];
  const all = fileOf(three);
  const [second, third] = [all.subarray(one.length, two.length), all.subarray(two.length)];
  for (const parts of [
    [one, third],
    [one, third, second],
    [two, second],
  ]) {
    const { error } = await readBytes(Buffer.concat(parts));
    t.regex(error, /frame length does not match its checksum$/u);
  }
});

test('data after the end frame is damage', async (t) => {
  const bytes = fileOf([...three, ['end', ''], ['batch', 'x\n']]);
  const { frames, error } = await readBytes(bytes);
  t.is(frames.length, 4);
  t.regex(error, /data after the end frame$/u);
});

test('a frame of an unknown kind is damage, though its checksums are right', async (t) => {
  for (const kind of [4, 255]) {
    const { bytes } = encodeLogFrame('more', 'x\n', 0);
    bytes.writeUInt8(kind, 12);
    bytes.writeUInt32LE(crc32(bytes.subarray(12), 0), 8);
    const { error } = await readBytes(Buffer.concat([Buffer.from(firstLine), bytes]));
    t.is(error, `internal: FILE is damaged at byte ${firstLine.length}: unknown frame kind`);
  }
});

test('a file that is not a store or of another format is refused', async (t) => {
  for (const text of ['', 'shoal store, format 2', 'shoal store, format x\n', 'not a store\n']) {
    const { error } = await readBytes(Buffer.from(text));
    t.is(error, 'internal: FILE: not a shoal store file');
  }
  for (const format of [1, 3, 20]) {
    const { error } = await readBytes(Buffer.from(`shoal store, format ${format}\n`));
    t.is(
      error,
      `unsupported: FILE: store format ${format} is not supported, expected 2; run the version that wrote it`,
    );
  }
});

test('a file that became shorter during the read is damage', async (t) => {
  const bytes = fileOf(three);
  const { error } = await readBytes(bytes, bytes.length + 100);
  t.regex(error, /file was truncated during the read$/u);
});

test('frames larger than the read window are read', async (t) => {
  const large = `${'x'.repeat(3 * 1024 * 1024)}\n`;
  const wanted: readonly Wanted[] = [
    ['more', large],
    ['more', `${large}${large}`],
    ['batch', 'small\n'],
    ['batch', large],
  ];
  const { frames, error } = await readBytes(fileOf(wanted));
  t.is(error, '');
  t.true(frames.every(({ kind, text }, n) => kind === wanted[n]?.[0] && text === wanted[n][1]));
  t.is(frames.length, 4);
});
