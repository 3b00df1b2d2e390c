import { crc32 } from 'node:zlib';
import { AppError } from '../../common/base/errors.js';

/*
 * A file is one line with its type and format, followed by frames:
 *   length of the body (4 bytes, little-endian), checksum of the length (4), checksum of the body (4), body.
 * The body is one byte of kind and UTF-8 text. Checksums are CRC-32, each seeded with the body
 * checksum of the previous frame, so that lost, duplicated and moved frames are detected as well as
 * flipped bits.
 */

const kinds = ['header', 'more', 'batch', 'end'] as const;
/** `more`: the batch continues in the next frame. `end`: last frame of a complete file. */
export type LogFrameKind = (typeof kinds)[number];

export interface LogFrame {
  readonly kind: LogFrameKind;
  readonly text: string;
  /** Offset in the file. */
  readonly at: number;
}

/** Disk format; incremented when older managers can no longer read the files. */
export const embeddedStoreFormat = 2;
export const firstLine = `shoal store, format ${embeddedStoreFormat}\n`;

const headerBytes = 12;
const windowBytes = 4 * 1_024 * 1_024;

/**
 * Encodes a frame; `chain` is the body checksum of the previous frame, and of this one in the
 * result.
 */
export function encodeLogFrame(
  kind: LogFrameKind,
  text: string,
  chain: number,
): { readonly bytes: Buffer; readonly chain: number } {
  const bytes = bytesOf(text, headerBytes + 1);
  const length = bytes.length - headerBytes;
  bytes.writeUInt32LE(length, 0);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 4), chain), 4);
  bytes.writeUInt8(kinds.indexOf(kind), headerBytes);
  const check = crc32(bytes.subarray(headerBytes), chain);
  bytes.writeUInt32LE(check, 8);
  return { bytes, chain: check };
}

const utf8 = new TextEncoder();

/** UTF-8 bytes of a text after `room` bytes, in one pass over a text of ASCII characters. */
function bytesOf(text: string, room: number): Buffer {
  const short = Buffer.allocUnsafe(room + text.length);
  const { read, written } = utf8.encodeInto(text, short.subarray(room));
  if (read === text.length) return short.subarray(0, room + written);
  const long = Buffer.allocUnsafe(room + Buffer.byteLength(text));
  long.write(text, room);
  return long;
}

/** The part of an open file that the reader needs. */
export interface ReadableFile {
  read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>;
}

/**
 * Reads a file frame by frame. A tail that a crash can leave (an incomplete frame or zeros) ends
 * the iteration; any other inconsistency is damage and throws `internal` with its position.
 */
export class LogFrameReader {
  readonly #file: ReadableFile;
  readonly #path: string;
  readonly #size: number;
  #window: Buffer = Buffer.alloc(0);
  /** File offset of the window. */
  #windowAt = 0;
  /** Offset after the last valid frame. */
  at = 0;
  chain = 0;

  constructor(file: ReadableFile, path: string, size: number) {
    this.#file = file;
    this.#path = path;
    this.#size = size;
  }

  /**
   * Reads the first line. Throws `unsupported` for another format, `internal` for a foreign file.
   */
  async open(): Promise<void> {
    const line = await this.#read(0, Math.min(this.#size, 64));
    const format = /^shoal store, format (\d{1,6})\n/.exec(line.toString('latin1'))?.[1];
    if (format === undefined) {
      throw new AppError('internal', `${this.#path}: not a shoal store file`);
    }
    if (Number(format) !== embeddedStoreFormat) {
      throw new AppError(
        'unsupported',
        `${this.#path}: store format ${format} is not supported, expected ${embeddedStoreFormat}; run the version that wrote it`,
      );
    }
    this.at = firstLine.length;
  }

  async *frames(): AsyncGenerator<LogFrame> {
    for (;;) {
      const frame = await this.#next();
      if (frame === undefined) return;
      yield frame;
      if (frame.kind !== 'end') continue;
      if (this.at < this.#size) throw this.#damaged('data after the end frame');
      return;
    }
  }

  async #next(): Promise<LogFrame | undefined> {
    const { at } = this;
    const left = this.#size - at;
    if (left === 0) return undefined;
    if (left < headerBytes) return undefined;
    const head = await this.#bytes(headerBytes);
    if (head.readUInt32LE(4) !== crc32(head.subarray(0, 4), this.chain)) {
      if (await this.#isZeros(at)) return undefined;
      throw this.#damaged('frame length does not match its checksum');
    }
    const length = head.readUInt32LE(0);
    if (left < headerBytes + length) return undefined;
    const bytes = await this.#bytes(headerBytes + length);
    const body = bytes.subarray(headerBytes);
    const check = crc32(body, this.chain);
    if (check !== bytes.readUInt32LE(8)) {
      // Frame text never ends with a zero byte, but blocks that never reached the disk are zeros.
      if (await this.#isZeros(at + headerBytes + length - 1)) return undefined;
      throw this.#damaged('frame body does not match its checksum');
    }
    const kind = kinds[body[0] ?? kinds.length];
    if (kind === undefined) throw this.#damaged('unknown frame kind');
    this.at += headerBytes + length;
    this.chain = check;
    return { kind, text: body.toString('utf8', 1), at };
  }

  /** Returns `count` bytes at the current position; the caller ensures that they exist. */
  async #bytes(count: number): Promise<Buffer> {
    const from = this.at - this.#windowAt;
    if (this.#window.length - from < count) {
      const more = Math.min(this.#size - this.at, Math.max(count, windowBytes));
      this.#window = await this.#read(this.at, more);
      this.#windowAt = this.at;
    }
    const begin = this.at - this.#windowAt;
    return this.#window.subarray(begin, begin + count);
  }

  async #read(position: number, count: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(count);
    let done = 0;
    while (done < count) {
      const { bytesRead } = await this.#file.read(buffer, done, count - done, position + done);
      if (bytesRead === 0) throw this.#damaged('file was truncated during the read');
      done += bytesRead;
    }
    return buffer;
  }

  async #isZeros(from: number): Promise<boolean> {
    for (let at = from; at < this.#size; at += windowBytes) {
      const part = await this.#read(at, Math.min(windowBytes, this.#size - at));
      if (part.some((byte) => byte !== 0)) return false;
    }
    return true;
  }

  #damaged(reason: string): AppError {
    return new AppError('internal', `${this.#path} is damaged at byte ${this.at}: ${reason}`);
  }
}
