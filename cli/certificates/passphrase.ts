import { AppError } from '../../manager/common/base/errors.js';
import { promptSecret } from '../output/prompt-secret.js';
import { readSecret } from '../output/secret-input.js';

/** Environment variable with the path of a file with the passphrase of the CA key, - for stdin. */
const variable = 'SHOAL_CA_PASSPHRASE_FILE';

/** Asks the user for the passphrase of the CA key. */
export type AskPassphrase = () => Promise<string>;

/**
 * Asks for the passphrase on the first call and returns that answer from then on, for a command that
 * opens the key several times: stdin can be read once only.
 */
export function askOnce(ask: AskPassphrase): AskPassphrase {
  let answer: Promise<string> | undefined;
  return () => (answer ??= ask());
}

/**
 * Reads the passphrase of the CA key from the named file or the one in the environment, or asks for
 * it on the terminal. Throws `invalid` without any of these.
 */
export async function readPassphrase(
  purpose: 'unlock' | 'protect',
  file?: string,
): Promise<string> {
  const path = file ?? process.env[variable];
  if (path !== undefined && path !== '') {
    const name = file === undefined ? variable : '--passphrase-file';
    return readSecret({ stdin: process.stdin }, path, name);
  }
  if (!process.stdin.isTTY) {
    throw new AppError(
      'invalid',
      `CA key: needs its passphrase; set ${variable} to a file with it, or to - for stdin`,
    );
  }
  const typed = await promptSecret('Passphrase of the CA key');
  if (purpose === 'unlock') return typed;
  if ((await promptSecret('The same passphrase again')) === typed) return typed;
  throw new AppError('invalid', 'passphrase: the two inputs differ; try again');
}
