/** A chunk of a container's stdout or stderr. */
export interface OutputChunk {
  readonly stream: 'stdout' | 'stderr';
  readonly data: Uint8Array;
  /** True for the last chunk of a frame. */
  readonly isEnd: boolean;
}

const headerBytes = 8;
const stderrType = 2;

/**
 * Decodes the engine's stream frames: one byte of stream type, three zero bytes, four bytes of
 * length (big endian), then the data. Chunks may end anywhere; data is passed on as it arrives,
 * without waiting for the end of a frame.
 */
export class Demux {
  readonly #header = new Uint8Array(headerBytes);
  #headerLength = 0;
  #remaining = 0;

  push(chunk: Uint8Array): OutputChunk[] {
    const outputs: OutputChunk[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.#remaining === 0) {
        at += this.#readHeader(chunk, at);
        continue;
      }
      const end = Math.min(chunk.length, at + this.#remaining);
      this.#remaining -= end - at;
      const isEnd = this.#remaining === 0;
      outputs.push({ stream: this.#stream(), data: chunk.subarray(at, end), isEnd });
      at = end;
    }
    return outputs;
  }

  /** Reads header bytes and returns the number consumed. */
  #readHeader(chunk: Uint8Array, at: number): number {
    const consumed = Math.min(headerBytes - this.#headerLength, chunk.length - at);
    this.#header.set(chunk.subarray(at, at + consumed), this.#headerLength);
    this.#headerLength += consumed;
    if (this.#headerLength === headerBytes) {
      this.#remaining = new DataView(this.#header.buffer).getUint32(4);
      this.#headerLength = 0;
    }
    return consumed;
  }

  #stream(): OutputChunk['stream'] {
    return this.#header[0] === stderrType ? 'stderr' : 'stdout';
  }
}

/** Output of a process, without the boundaries of frames. */
export type ProcessOutput = Pick<OutputChunk, 'stream' | 'data'>;

type Output = AsyncGenerator<readonly ProcessOutput[]>;

/** Reads the output of a process: raw with a TTY, else in the engine's frames. */
export function processOutput(stream: NodeJS.ReadableStream, tty: boolean): Output {
  return tty ? rawOutput(stream) : framedOutput(stream);
}

/** Reads a stream without frames as stdout. */
export async function* rawOutput(stream: NodeJS.ReadableStream): Output {
  for await (const data of stream as AsyncIterable<Uint8Array>) yield [{ stream: 'stdout', data }];
}

async function* framedOutput(stream: NodeJS.ReadableStream): Output {
  const demux = new Demux();
  for await (const chunk of stream as AsyncIterable<Uint8Array>) yield demux.push(chunk);
}
