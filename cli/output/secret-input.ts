import { open } from 'node:fs/promises';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import type { Cli } from '../cli.js';

/** Longest token or passphrase with what follows it, bytes. */
const maxLength = 4_096;

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
    const text = path === '-' ? await firstBytes(stdin) : await firstBytesOf(path);
    return (text.split('\n')[0] ?? '').replace(/\r$/u, '');
  } catch (error) {
    throw new AppError('invalid', `${flag}: ${messageOf(error)}`, { cause: error });
  }
}

async function firstBytesOf(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(maxLength), 0, maxLength);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

async function firstBytes(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const chunk of stream) {
    text += String(chunk);
    if (text.length > maxLength) break;
  }
  return text;
}
