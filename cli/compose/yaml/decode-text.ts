import { isUtf8 } from 'node:buffer';

export interface DecodedText {
  readonly text: string;
  /** Offset in `text` of the first byte that is not UTF-8; absent if there is none. */
  readonly invalidAt?: number;
}

/**
 * Decodes UTF-8, or UTF-16 with a byte order mark, as the YAML specification requires. Invalid
 * bytes become U+FFFD.
 */
export function decodeText(bytes: Buffer): DecodedText {
  if (bytes[0] === 0xff && bytes[1] === 0xfe)
    return { text: bytes.subarray(2).toString('utf16le') };
  if (bytes[0] === 0xfe && bytes[1] === 0xff) {
    const even = Buffer.from(bytes.subarray(2, bytes.length & ~1));
    return { text: even.swap16().toString('utf16le') };
  }
  const marked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  const content = marked ? bytes.subarray(3) : bytes;
  const text = content.toString('utf8');
  return isUtf8(content) ? { text } : { text, invalidAt: firstInvalid(content, text) };
}

const replacement = '\ufffd';

/** Finds the first replacement character that the bytes do not contain themselves. */
function firstInvalid(bytes: Buffer, text: string): number {
  const written = Buffer.from(replacement);
  let offset = 0;
  let position = 0;
  for (let at = text.indexOf(replacement); at >= 0; at = text.indexOf(replacement, at + 1)) {
    position += Buffer.byteLength(text.slice(offset, at));
    offset = at;
    if (!bytes.subarray(position, position + written.length).equals(written)) return at;
  }
  return 0;
}
