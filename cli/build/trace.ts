import type { EngineLine } from './lines.js';

/*
 * BuildKit's status in the engine's response: base64 of the protobuf message
 * `moby.buildkit.v1.StatusResponse` (vertexes = 1, logs = 3; Vertex: digest = 1, name = 3, cached =
 * 4, started = 5, error = 7; VertexLog: msg = 4).
 */

interface Field {
  readonly number: number;
  readonly bytes: Uint8Array;
  readonly value: number;
}

function* fields(message: Uint8Array): Generator<Field> {
  let at = 0;
  const varint = (): number => {
    let [value, scale] = [0, 1];
    for (;;) {
      const byte = message[at] ?? 0;
      at += 1;
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80 || at > message.length) return value;
    }
  };
  while (at < message.length) {
    const key = varint();
    const wire = key & 7;
    const number = Math.floor(key / 8);
    if (wire === 0) yield { number, bytes: new Uint8Array(), value: varint() };
    else if (wire === 2) {
      const length = varint();
      yield { number, bytes: message.subarray(at, at + length), value: 0 };
      at += length;
    } else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else return;
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}

function outputOf(log: Uint8Array): string {
  return [...fields(log)]
    .filter(({ number }) => number === 4)
    .map(({ bytes }) => textOf(bytes))
    .join('');
}

/** Renders BuildKit's status as text; prints the name of each step once. */
export class BuildTrace {
  readonly #named = new Set<string>();

  /** Returns the text of a `moby.buildkit.trace` line; an empty string for other lines. */
  read(line: EngineLine): string {
    if (line.id !== 'moby.buildkit.trace' || typeof line.aux !== 'string') return '';
    let text = '';
    for (const field of fields(Buffer.from(line.aux, 'base64'))) {
      if (field.number === 1) text += this.#vertex(field.bytes);
      else if (field.number === 3) text += outputOf(field.bytes);
    }
    return text;
  }

  #vertex(message: Uint8Array): string {
    let [digest, name, cached, started, error] = ['', '', false, false, ''];
    for (const { number, bytes, value } of fields(message)) {
      if (number === 1) digest = textOf(bytes);
      else if (number === 3) name = textOf(bytes);
      else if (number === 4) cached = value === 1;
      else if (number === 5) started = true;
      else if (number === 7) error = textOf(bytes);
    }
    const failure = error === '' ? '' : `ERROR: ${error}\n`;
    if (!started || this.#named.has(digest)) return failure;
    this.#named.add(digest);
    return `${cached ? 'CACHED ' : ''}${name}\n${failure}`;
  }
}
