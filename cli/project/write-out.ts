import type { Cli } from '../cli.js';

/** Writes the chunks to stdout at the pace of its reader. */
export async function writeToStdout(cli: Cli, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of chunks) await cli.stdout.send(chunk);
}
