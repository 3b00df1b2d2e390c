/** Prefixes a message with its two-byte length for TCP (RFC 1035 §4.2.2). */
export function frameDnsMessage(message: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(message.length + 2);
  framed.writeUInt16BE(message.length, 0);
  message.copy(framed, 2);
  return framed;
}

/** Splits a TCP stream into messages. Buffers at most one incomplete message. */
export class DnsFrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /** Messages completed by this chunk. */
  push(chunk: Buffer): Buffer[] {
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const messages: Buffer[] = [];
    while (data.length >= 2) {
      const length = data.readUInt16BE(0);
      if (data.length < length + 2) break;
      messages.push(data.subarray(2, length + 2));
      data = data.subarray(length + 2);
    }
    this.#rest = data;
    return messages;
  }
}
