import type { Cli } from '../cli.js';

/** Writes the chunks to stdout; each chunk is written before the next is read. */
export async function writeToStdout(cli: Cli, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of chunks) cli.stdout.write(chunk);
}
