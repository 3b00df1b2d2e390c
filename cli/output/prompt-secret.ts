import { StringDecoder } from 'node:string_decoder';
import { AppError } from '../../manager/common/base/errors.js';

const maxLength = 1_024;

let open = 0;

/** True while a question is on the terminal, so that nothing else is drawn there. */
export function isPrompting(): boolean {
  return open > 0;
}

/** Runs a dialog on the terminal. */
export async function whilePrompting<T>(dialog: () => Promise<T>): Promise<T> {
  open += 1;
  try {
    return await dialog();
  } finally {
    open -= 1;
  }
}

/**
 * Asks for a secret on the terminal without showing what is typed. Throws `cancelled` on an
 * interrupt and at the end of the input.
 */
export async function promptSecret(
  question: string,
  { stdin, stderr }: Pick<NodeJS.Process, 'stdin' | 'stderr'> = process,
): Promise<string> {
  stderr.write(`${question}: `);
  stdin.setRawMode(true);
  stdin.resume();
  try {
    return await whilePrompting(() => readLine(stdin));
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    stderr.write('\n');
  }
}

function readLine(input: NodeJS.ReadStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let typed: readonly string[] = [];
    // A character of several bytes may arrive in two parts.
    const decoder = new StringDecoder('utf8');
    const settle = (end: () => void): void => {
      input.off('data', onData);
      input.off('end', onEnd);
      end();
    };
    const cancel = (): void => {
      settle(() => {
        reject(new AppError('cancelled', 'interrupted'));
      });
    };
    const onEnd = cancel;
    const onData = (data: Buffer): void => {
      for (const character of decoder.write(data)) {
        const typedKey = keyOf(character);
        if (typedKey === 'cancel') {
          cancel();
          return;
        }
        if (typedKey === 'enter') {
          settle(() => {
            resolve(typed.join(''));
          });
          return;
        }
        typed =
          typedKey === 'erase' ? typed.slice(0, -1) : [...typed, character].slice(0, maxLength);
      }
    };
    input.on('data', onData);
    input.on('end', onEnd);
  });
}

function keyOf(character: string): 'enter' | 'cancel' | 'erase' | 'text' {
  if (character === '\r' || character === '\n') return 'enter';
  // Ctrl-C and Ctrl-D.
  if (character === '\u0003' || character === '\u0004') return 'cancel';
  return character === '\u007F' || character === '\b' ? 'erase' : 'text';
}
