import { createInterface } from 'node:readline/promises';
import { whilePrompting } from './prompt-secret.js';

/** Asks a yes/no question on the terminal; anything but yes, including end of input, means no. */
export async function confirmOnTerminal(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const closed = new AbortController();
  lines.once('close', () => {
    closed.abort();
  });
  try {
    const answer = await whilePrompting(() =>
      lines.question(`${question} (y/n): `, { signal: closed.signal }),
    );
    return /^y(?:es)?$/iu.test(answer.trim());
  } catch {
    return false;
  } finally {
    lines.close();
  }
}
