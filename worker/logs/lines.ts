import type { LogLine } from '../../manager/common/protocol/worker-calls.js';
import type { Output } from './demux.js';

/** A line longer than this is handed on in parts: memory stays bounded whatever a process prints. */
const maxLineBytes = 256 * 1024;
/** RFC 3339 with nanoseconds and an offset. */
const maxStampLength = 35;

/**
 * Puts a log's output together to lines, each stream by itself, and takes the engine's time stamp off
 * their front (`2026-01-02T03:04:05.000000006Z text`).
 */
export class LineAssembler {
  readonly #rest: Record<Output['stream'], Buffer[]> = { stdout: [], stderr: [] };
  readonly #restBytes: Record<Output['stream'], number> = { stdout: 0, stderr: 0 };
  readonly #lastStamp: Record<Output['stream'], string> = { stdout: '', stderr: '' };

  push({ stream, data }: Output): LogLine[] {
    const lines: LogLine[] = [];
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    let from = 0;
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, from)) {
      lines.push(this.#line(stream, bytes.subarray(from, end)));
      from = end + 1;
    }
    if (from < bytes.length) {
      // A copy: the chunk's memory is reused by whoever gave it.
      this.#rest[stream].push(Buffer.from(bytes.subarray(from)));
      this.#restBytes[stream] += bytes.length - from;
      if (this.#restBytes[stream] > maxLineBytes) lines.push(this.#line(stream, Buffer.alloc(0)));
    }
    return lines;
  }

  /** What came without an end of line. */
  end(): LogLine[] {
    return (['stdout', 'stderr'] as const)
      .filter((stream) => this.#restBytes[stream] > 0)
      .map((stream) => this.#line(stream, Buffer.alloc(0)));
  }

  #line(stream: Output['stream'], tail: Buffer): LogLine {
    const text = Buffer.concat([...this.#rest[stream], tail]).toString('utf8');
    this.#rest[stream] = [];
    this.#restBytes[stream] = 0;
    const space = text.indexOf(' ');
    const stamp = space === -1 ? text : text.slice(0, space);
    const at = stamp.length > maxStampLength ? Number.NaN : Date.parse(stamp);
    if (Number.isNaN(at)) {
      // Second part of a line too long to hold: it has its first part's time.
      const former = this.#lastStamp[stream];
      return { at: Date.parse(former) || 0, stamp: former, stream, text: withoutReturn(text) };
    }
    this.#lastStamp[stream] = stamp;
    return { at, stamp, stream, text: withoutReturn(space === -1 ? '' : text.slice(space + 1)) };
  }
}

/** Terminals end their lines with both. */
function withoutReturn(text: string): string {
  return text.endsWith('\r') ? text.slice(0, -1) : text;
}
