import { createReadStream } from 'node:fs';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import type { Cli } from '../cli.js';

/** Longest token or passphrase, bytes. */
const maxLength = 4_096;
const minPassphrase = 8;

/**
 * Reads the first line of a file, or of standard input for `-`: a secret that is read so does not
 * appear in the process list. Throws `invalid` with the flag's name.
 */
export async function readSecret(
  { stdin }: Pick<Cli, 'stdin'>,
  path: string,
  flag: string,
): Promise<string> {
  try {
    return await firstLine(path === '-' ? stdin : createReadStream(path));
  } catch (error) {
    throw new AppError('invalid', `${flag}: ${messageOf(error)}`, { cause: error });
  }
}

/** Ends with the line, not with the input: a terminal or a pipe may stay open. */
async function firstLine(input: NodeJS.ReadableStream): Promise<string> {
  let seen = Buffer.alloc(0);
  for await (const chunk of input) {
    seen = Buffer.concat([seen, typeof chunk === 'string' ? Buffer.from(chunk) : chunk]);
    if (seen.includes('\n') || seen.length > maxLength) break;
  }
  const end = seen.indexOf('\n');
  const line = end === -1 ? seen : seen.subarray(0, end);
  if (line.length <= maxLength) return line.toString('utf8').replace(/\r$/u, '');
  throw new Error(`the first line is longer than ${maxLength} bytes`);
}

/** Throws `invalid` for a passphrase that is too short to encrypt with. */
export function requirePassphrase(passphrase: string): void {
  if (passphrase.length >= minPassphrase) return;
  throw new AppError('invalid', `passphrase: too short; use at least ${minPassphrase} characters`);
}
