import type { LogLine } from '../../manager/common/protocol/worker-calls.js';
import type { OutputChunk } from '../executor/demux.js';

/** Longer lines are split into parts, which bounds memory use. */
const maxLineBytes = 256 * 1024;
/** RFC 3339 with nanoseconds and an offset. */
const maxStampLength = 35;

/**
 * Assembles log output into lines, per stream, and removes the engine's timestamp from their start
 * (`2026-01-02T03:04:05.000000006Z text`).
 */
export class LineAssembler {
  readonly #rest: Record<OutputChunk['stream'], Buffer[]> = { stdout: [], stderr: [] };
  readonly #restBytes: Record<OutputChunk['stream'], number> = { stdout: 0, stderr: 0 };
  readonly #lastStamp: Record<OutputChunk['stream'], string> = { stdout: '', stderr: '' };

  push({ stream, data }: OutputChunk): LogLine[] {
    const lines: LogLine[] = [];
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    let from = 0;
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, from)) {
      lines.push(this.#line(stream, bytes.subarray(from, end)));
      from = end + 1;
    }
    if (from < bytes.length) {
      // A copy, as the caller may reuse the chunk's memory.
      this.#rest[stream].push(Buffer.from(bytes.subarray(from)));
      this.#restBytes[stream] += bytes.length - from;
      if (this.#restBytes[stream] > maxLineBytes) lines.push(this.#line(stream, Buffer.alloc(0)));
    }
    return lines;
  }

  /** Returns the remaining text without a line end. */
  end(): LogLine[] {
    return (['stdout', 'stderr'] as const)
      .filter((stream) => this.#restBytes[stream] > 0)
      .map((stream) => this.#line(stream, Buffer.alloc(0)));
  }

  #line(stream: OutputChunk['stream'], tail: Buffer): LogLine {
    const text = Buffer.concat([...this.#rest[stream], tail]).toString('utf8');
    this.#rest[stream] = [];
    this.#restBytes[stream] = 0;
    const space = text.indexOf(' ');
    const stamp = space === -1 ? text : text.slice(0, space);
    const at = stamp.length > maxStampLength ? Number.NaN : Date.parse(stamp);
    if (Number.isNaN(at)) {
      // A later part of a split line has the timestamp of its first part.
      const previousStamp = this.#lastStamp[stream];
      return {
        at: Date.parse(previousStamp) || 0,
        stamp: previousStamp,
        stream,
        text: withoutReturn(text),
      };
    }
    this.#lastStamp[stream] = stamp;
    return { at, stamp, stream, text: withoutReturn(space === -1 ? '' : text.slice(space + 1)) };
  }
}

/** TTY output ends lines with CR LF. */
function withoutReturn(text: string): string {
  return text.endsWith('\r') ? text.slice(0, -1) : text;
}
