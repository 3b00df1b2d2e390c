import { quoteCommand } from '../quote.js';

/** Characters that fish, csh or a POSIX shell interprets inside the quotes used here. */
const special = /[^\x20\x23\x26-\x5b\x5d-\x5f\x61-\x7e]|'/gu;

/** `\NNN` for each byte that a login shell may interpret; printf of `sh` turns it back. */
function encodeOctal(text: string): string {
  return text.replaceAll(special, (character) =>
    [...Buffer.from(character, 'utf8')]
      .map((byte) => `\\${byte.toString(8).padStart(3, '0')}`)
      .join(''),
  );
}

/**
 * The command line for sshd, which hands it to the user's login shell: fish, csh and POSIX shells
 * read it alike. With a marker, the command prints it and a line feed on standard output before it
 * runs.
 */
export function loginShellCommand(argv: readonly string[], marker?: string): string {
  const mark = marker === undefined ? '' : `printf '%s\\n' ${marker}\n`;
  const script = `${mark}exec ${quoteCommand(argv)}`;
  return `sh -c 'eval "$(printf "${encodeOctal(script)}")"'`;
}

/** Splits the output of a login shell at the marker; `found` is false if it has not arrived. */
export class MarkedOutput {
  readonly #marker: Buffer;
  #head = Buffer.alloc(0);
  /** True once the command itself runs. */
  found = false;

  constructor(marker: string) {
    this.#marker = Buffer.from(`${marker}\n`);
  }

  /** The output of files that the login shell reads at its start, or of a forced command. */
  get noise(): string {
    return this.#head.toString('utf8').trim();
  }

  /** The part of a chunk that the command printed. */
  push(chunk: Buffer): Buffer {
    if (this.found) return chunk;
    const seen = Buffer.concat([this.#head, chunk]);
    const at = seen.indexOf(this.#marker);
    this.found = at !== -1;
    const limit = 64 * 1024;
    this.#head = this.found
      ? seen.subarray(0, at)
      : seen.subarray(Math.max(0, seen.length - limit));
    return this.found ? seen.subarray(at + this.#marker.length) : Buffer.alloc(0);
  }
}
