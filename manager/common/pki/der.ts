/** One DER element (X.690). */
export interface DerElement {
  readonly tag: number;
  readonly content: Buffer;
  /** The element with its tag and length. */
  readonly whole: Buffer;
}

export const derTags = {
  integer: 0x02,
  bitString: 0x03,
  objectIdentifier: 0x06,
  sequence: 0x30,
} as const;

/** Reads the element at an offset. Throws `RangeError` for a truncated or unsupported encoding. */
function readElement(bytes: Buffer, at: number): DerElement {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) throw new RangeError('truncated element');
  if ((tag & 0x1f) === 0x1f) throw new RangeError('tag has more than one byte');
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || lengthBytes > 3) throw new RangeError('length is not supported');
  const start = at + 2 + lengthBytes;
  if (start > bytes.length) throw new RangeError('truncated length');
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(at + 2, lengthBytes);
  if (start + length > bytes.length) throw new RangeError('truncated content');
  return {
    tag,
    content: bytes.subarray(start, start + length),
    whole: bytes.subarray(at, start + length),
  };
}

/** Reads bytes that are exactly one element. Throws `RangeError`. */
export function readDer(bytes: Buffer): DerElement {
  const element = readElement(bytes, 0);
  if (element.whole.length !== bytes.length) throw new RangeError('bytes after the element');
  return element;
}

/** Reads the elements of a sequence, at most `max`. Throws `RangeError`. */
export function readSequence({ tag, content }: DerElement, max: number): readonly DerElement[] {
  if (tag !== derTags.sequence) throw new RangeError('not a sequence');
  const elements: DerElement[] = [];
  for (let at = 0; at < content.length;) {
    if (elements.length === max) throw new RangeError('sequence is too long');
    const element = readElement(content, at);
    elements.push(element);
    at += element.whole.length;
  }
  return elements;
}

/** Returns the content of an element with this tag. Throws `RangeError` for another or none. */
export function contentBytes(element: DerElement | undefined, tag: number): Buffer {
  if (element?.tag === tag) return element.content;
  throw new RangeError('unexpected element');
}

/** Returns the bytes of a bit string of whole bytes. Throws `RangeError`. */
export function bitsOf(element: DerElement | undefined): Buffer {
  const content = contentBytes(element, derTags.bitString);
  if (content[0] !== 0) throw new RangeError('bit string with unused bits');
  return content.subarray(1);
}

/** Returns the magnitude of a positive integer, without leading zeros. Throws `RangeError`. */
export function magnitudeOf(element: DerElement | undefined): Buffer {
  const content = contentBytes(element, derTags.integer);
  if (content.length === 0 || (content[0] ?? 0) >= 0x80) {
    throw new RangeError('integer is not positive');
  }
  const start = content.findIndex((byte) => byte !== 0);
  return start === -1 ? Buffer.alloc(0) : content.subarray(start);
}
