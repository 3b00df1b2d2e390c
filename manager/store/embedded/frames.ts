import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { AppError } from '../../common/base/errors.js';

/*
 * A file is a line that says what it is and in which format, then a row of frames:
 *   length of the body (4 bytes, little-endian), check of the length (4), check of the body (4), body.
 * The body is one byte of kind and UTF-8 text. Checks are CRC-32, each begun with the body's check of the
 * frame before, so that a frame that was lost, doubled or moved is found as well as a bit that was flipped.
 */

const kinds = ['header', 'more', 'batch', 'end'] as const;
/** `more`: the batch goes on in the next frame. `end`: nothing follows, the file is whole. */
export type FrameKind = (typeof kinds)[number];

export interface Frame {
  readonly kind: FrameKind;
  readonly text: string;
  /** Where it begins in the file. */
  readonly at: number;
}

/** Raised when what is on disk can no longer be read by an older manager. */
export const storeFormat = 2;
export const firstLine = `shoal store, format ${storeFormat}\n`;

const headBytes = 12;
const windowBytes = 4 * 1_024 * 1_024;

/** The bytes of a frame and its check, with which the next one's begins. */
export function encodeFrame(
  kind: FrameKind,
  text: string,
  chain: number,
): { readonly bytes: Buffer; readonly chain: number } {
  const length = 1 + Buffer.byteLength(text);
  const bytes = Buffer.allocUnsafe(headBytes + length);
  bytes.writeUInt32LE(length, 0);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 4), chain), 4);
  bytes.writeUInt8(kinds.indexOf(kind), headBytes);
  bytes.write(text, headBytes + 1);
  const check = crc32(bytes.subarray(headBytes), chain);
  bytes.writeUInt32LE(check, 8);
  return { bytes, chain: check };
}

/**
 * Reads a file frame by frame. What a crash can leave at the end (a frame that is not there to its last
 * byte, or zeros) ends the reading quietly; anything else that does not fit is damage and throws `internal`
 * with its place.
 */
export class FrameReader {
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #size: number;
  #held: Buffer = Buffer.alloc(0);
  /** Of the first byte held. */
  #heldAt = 0;
  /** Behind the last good frame. */
  at = 0;
  chain = 0;

  constructor(file: FileHandle, path: string, size: number) {
    this.#file = file;
    this.#path = path;
    this.#size = size;
  }

  /** Reads the first line. Throws `unsupported` for a newer format, `internal` for what is no store. */
  async open(): Promise<void> {
    const line = await this.#read(0, Math.min(this.#size, 64));
    const format = /^shoal store, format (\d{1,6})\n/.exec(line.toString('latin1'))?.[1];
    if (format === undefined) {
      throw new AppError('internal', `${this.#path} is not a file of a store`);
    }
    if (Number(format) !== storeFormat) {
      throw new AppError(
        'unsupported',
        `${this.#path} has format ${format}, this version knows ${storeFormat}: run the newer version`,
      );
    }
    this.at = firstLine.length;
  }

  async *frames(): AsyncGenerator<Frame> {
    for (;;) {
      const frame = await this.#next();
      if (frame === undefined) return;
      yield frame;
      if (frame.kind !== 'end') continue;
      if (this.at < this.#size) throw this.#damaged('something follows its end');
      return;
    }
  }

  async #next(): Promise<Frame | undefined> {
    const { at } = this;
    const left = this.#size - at;
    if (left === 0) return undefined;
    if (left < headBytes) return undefined;
    const head = await this.#bytes(headBytes);
    if (head.readUInt32LE(4) !== crc32(head.subarray(0, 4), this.chain)) {
      if (await this.#isZeros(at)) return undefined;
      throw this.#damaged('a record has a wrong length');
    }
    const length = head.readUInt32LE(0);
    if (left < headBytes + length) return undefined;
    const bytes = await this.#bytes(headBytes + length);
    const body = bytes.subarray(headBytes);
    const check = crc32(body, this.chain);
    if (check !== bytes.readUInt32LE(8)) {
      // No text of ours ends with a zero byte: blocks that never reached the disk do.
      if (await this.#isZeros(at + headBytes + length - 1)) return undefined;
      throw this.#damaged('a record has a wrong checksum');
    }
    const kind = kinds[body[0] ?? kinds.length];
    if (kind === undefined) throw this.#damaged('a record is of no known kind');
    this.at += headBytes + length;
    this.chain = check;
    return { kind, text: body.toString('utf8', 1), at };
  }

  /** `count` bytes from where we are; there are as many. */
  async #bytes(count: number): Promise<Buffer> {
    const from = this.at - this.#heldAt;
    if (this.#held.length - from < count) {
      const more = Math.min(this.#size - this.at, Math.max(count, windowBytes));
      this.#held = await this.#read(this.at, more);
      this.#heldAt = this.at;
    }
    const begin = this.at - this.#heldAt;
    return this.#held.subarray(begin, begin + count);
  }

  async #read(position: number, count: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(count);
    let done = 0;
    while (done < count) {
      const { bytesRead } = await this.#file.read(buffer, done, count - done, position + done);
      if (bytesRead === 0) throw this.#damaged('it became shorter while it was read');
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

  #damaged(what: string): AppError {
    return new AppError('internal', `${this.#path} is damaged at byte ${this.at}: ${what}`);
  }
}
