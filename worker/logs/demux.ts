/** Part of one of a container's streams. */
export interface Output {
  readonly stream: 'stdout' | 'stderr';
  readonly data: Uint8Array;
}

const headerBytes = 8;
const stderrType = 2;

/**
 * Takes the engine's frames apart: one byte of stream type, three of nothing, four of length (big
 * endian), then the data. Chunks may end anywhere; data is handed on as it comes, without waiting for
 * the end of a frame.
 */
export class Demux {
  readonly #header = new Uint8Array(headerBytes);
  #headerLength = 0;
  #left = 0;

  push(chunk: Uint8Array): Output[] {
    const outputs: Output[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.#left === 0) {
        at += this.#readHeader(chunk, at);
        continue;
      }
      const end = Math.min(chunk.length, at + this.#left);
      outputs.push({ stream: this.#stream(), data: chunk.subarray(at, end) });
      this.#left -= end - at;
      at = end;
    }
    return outputs;
  }

  /** Returns how many bytes it took. */
  #readHeader(chunk: Uint8Array, at: number): number {
    const taken = Math.min(headerBytes - this.#headerLength, chunk.length - at);
    this.#header.set(chunk.subarray(at, at + taken), this.#headerLength);
    this.#headerLength += taken;
    if (this.#headerLength === headerBytes) {
      this.#left = new DataView(this.#header.buffer).getUint32(4);
      this.#headerLength = 0;
    }
    return taken;
  }

  #stream(): Output['stream'] {
    return this.#header[0] === stderrType ? 'stderr' : 'stdout';
  }
}
