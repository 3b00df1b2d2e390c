import { isUtf8 } from 'node:buffer';
import type { LogLine } from '../../manager/common/protocol/worker-calls.js';
import { Demux, type OutputChunk } from '../executor/demux.js';

type Stream = OutputChunk['stream'];

/** Longer lines are passed on in parts, which bounds memory use. */
const maxPartBytes = 1024 * 1024;
/** A terminal's output has no frames: a longer line without an end is passed on as it is. */
const maxTerminalLineBytes = 16 * 1024 * 1024;
/** The engine stores a longer line in pieces of this size, each with the timestamp of the first. */
const pieceBytes = 16 * 1024;
/** RFC 3339 with nanoseconds and an offset. */
const maxStampLength = 35;
const newline = 10;
const carriageReturn = 13;
const space = 32;

/** Reads raw log output into lines. */
export interface LineReader {
  /** Records of the engine read so far: one for each piece of a line. */
  readonly pieces: number;
  push(chunk: Uint8Array): LogLine[];
  /** Returns the lines that have no line end. */
  end(): LogLine[];
}

export function lineReader(tty: boolean): LineReader {
  return tty ? new TerminalLines() : new FramedLines();
}

interface EngineRecord {
  readonly stamp: string;
  readonly text: Buffer;
}

/** Splits `2026-01-02T03:04:05.000000006Z text`; undefined if it starts with no timestamp. */
function splitStamp(record: Buffer): EngineRecord | undefined {
  const end = record.subarray(0, maxStampLength + 1).indexOf(space);
  const stamp = record.toString('latin1', 0, end === -1 ? record.length : end);
  if (stamp.length > maxStampLength || Number.isNaN(Date.parse(stamp))) return undefined;
  return { stamp, text: end === -1 ? Buffer.alloc(0) : record.subarray(end + 1) };
}

function toLine(stream: Stream, { stamp, text }: EngineRecord, partial: boolean): LogLine {
  return {
    at: Date.parse(stamp) || 0,
    stamp,
    stream,
    text: text.toString('utf8'),
    ...(isUtf8(text) ? {} : { bytes: text.toString('base64') }),
    ...(partial ? { partial: true } : {}),
  };
}

/** A line whose end has not been read. */
interface OpenLine {
  readonly stamp: string;
  parts: Buffer[];
  bytes: number;
}

/**
 * Lines of a container without a terminal: every frame is one record of the engine. A record without
 * a line end is continued by the next one of its stream with the same timestamp.
 */
class FramedLines implements LineReader {
  pieces = 0;
  readonly #demux = new Demux();
  readonly #frames: Record<Stream, Buffer[]> = { stdout: [], stderr: [] };
  readonly #open = new Map<Stream, OpenLine>();

  push(chunk: Uint8Array): LogLine[] {
    const lines: LogLine[] = [];
    for (const { stream, data, isEnd } of this.#demux.push(chunk)) {
      // A copy, as the caller may reuse the chunk's memory.
      this.#frames[stream].push(Buffer.from(data));
      if (isEnd) lines.push(...this.#record(stream));
    }
    return lines;
  }

  end(): LogLine[] {
    return (['stdout', 'stderr'] as const).flatMap((stream) => [
      ...(this.#frames[stream].length > 0 ? this.#record(stream) : []),
      ...this.#close(stream),
    ]);
  }

  #record(stream: Stream): LogLine[] {
    const frame = Buffer.concat(this.#frames[stream]);
    this.#frames[stream] = [];
    this.pieces += 1;
    const open = this.#open.get(stream);
    const { stamp, text } = splitStamp(frame) ?? { stamp: open?.stamp ?? '', text: frame };
    const before = open === undefined || open.stamp === stamp ? [] : this.#close(stream);
    const line = this.#open.get(stream) ?? { stamp, parts: [], bytes: 0 };
    this.#open.set(stream, line);
    const isWhole = text.at(-1) === newline;
    line.parts.push(isWhole ? text.subarray(0, -1) : text);
    line.bytes += text.length;
    if (isWhole) {
      this.#open.delete(stream);
      return [...before, toLine(stream, { stamp, text: Buffer.concat(line.parts) }, false)];
    }
    return [...before, ...(line.bytes > maxPartBytes ? [passOn(stream, line)] : [])];
  }

  #close(stream: Stream): LogLine[] {
    const open = this.#open.get(stream);
    this.#open.delete(stream);
    if (open === undefined || open.bytes === 0) return [];
    return [toLine(stream, { stamp: open.stamp, text: Buffer.concat(open.parts) }, true)];
  }
}

/** Takes what was read of a long line; keeps the bytes of a character that is cut at the end. */
function passOn(stream: Stream, line: OpenLine): LogLine {
  const text = Buffer.concat(line.parts);
  const end = wholeCharacters(text);
  const rest = text.subarray(end);
  line.parts = rest.length === 0 ? [] : [rest];
  line.bytes = rest.length;
  return toLine(stream, { stamp: line.stamp, text: text.subarray(0, end) }, true);
}

/** Length without an incomplete UTF-8 character at the end, which has at most three bytes. */
function wholeCharacters(text: Buffer): number {
  for (let back = 1; back <= 3; back += 1) {
    const byte = text.at(-back) ?? 0;
    if (byte < 0x80) break;
    if (byte < 0xc0) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return length > back ? text.length - back : text.length;
  }
  return text.length;
}

/**
 * Lines of a container with a terminal: records follow each other without frames, and a terminal
 * ends lines with CR LF.
 */
class TerminalLines implements LineReader {
  pieces = 0;
  #rest: Buffer[] = [];
  #restBytes = 0;
  #lastStamp = '';

  push(chunk: Uint8Array): LogLine[] {
    const lines: LogLine[] = [];
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let from = 0;
    for (let end = bytes.indexOf(newline); end !== -1; end = bytes.indexOf(newline, from)) {
      lines.push(this.#line(bytes.subarray(from, end), false));
      from = end + 1;
    }
    if (from < bytes.length) {
      // A copy, as the caller may reuse the chunk's memory.
      this.#rest.push(Buffer.from(bytes.subarray(from)));
      this.#restBytes += bytes.length - from;
      if (this.#restBytes > maxTerminalLineBytes) lines.push(this.#line(Buffer.alloc(0), true));
    }
    return lines;
  }

  end(): LogLine[] {
    return this.#restBytes > 0 ? [this.#line(Buffer.alloc(0), true)] : [];
  }

  #line(tail: Buffer, partial: boolean): LogLine {
    const whole = Buffer.concat([...this.#rest, tail]);
    this.#rest = [];
    this.#restBytes = 0;
    const found = splitStamp(whole);
    const { stamp, text } = found ?? { stamp: this.#lastStamp, text: whole };
    this.#lastStamp = stamp;
    const joined = found === undefined ? text : this.#joinPieces(stamp, text);
    this.pieces += 1;
    const isReturn = !partial && joined.at(-1) === carriageReturn;
    return toLine('stdout', { stamp, text: isReturn ? joined.subarray(0, -1) : joined }, partial);
  }

  /** Removes the timestamp that the engine repeats in front of every further piece. */
  #joinPieces(stamp: string, text: Buffer): Buffer {
    const mark = Buffer.from(`${stamp} `);
    const pieces: Buffer[] = [];
    let from = 0;
    for (;;) {
      const next = from + pieceBytes;
      if (!text.subarray(next, next + mark.length).equals(mark)) break;
      pieces.push(text.subarray(from, next));
      this.pieces += 1;
      from = next + mark.length;
    }
    return Buffer.concat([...pieces, text.subarray(from)]);
  }
}
