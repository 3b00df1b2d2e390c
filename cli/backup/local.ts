import { createReadStream } from 'node:fs';
import type { Cli } from '../cli.js';

/* Access to the store of a stopped manager on this machine. */

interface ImportRequest {
  /** Path of the backup, or `-` for stdin. */
  readonly file: string;
  readonly config: string;
  readonly replace: boolean;
}

export async function importLocalStore(
  cli: Cli,
  { file, config, replace }: ImportRequest,
): Promise<void> {
  const { importStore } = await import('../../manager/store-main.js');
  const source =
    file === '-'
      ? { name: 'standard input', stream: cli.stdin }
      : { name: file, stream: createReadStream(file) };
  const { header, count, movedTo } = await importStore(config, source, replace);
  if (movedTo !== undefined) cli.stdout.write(`moved the previous store to ${movedTo}\n`);
  cli.stdout.write(
    `restored ${String(count)} objects of cluster ${header.clusterName} from ${header.at}\n`,
  );
}

export async function migrateLocalStore(cli: Cli, to: string, config: string): Promise<void> {
  const { migrateStore } = await import('../../manager/store-main.js');
  const { from, count, sha256 } = await migrateStore(config, to);
  cli.stdout.write(
    `copied and verified ${String(count)} objects from ${from} to ${to} (sha256 ${sha256.slice(0, 16)})\n`,
  );
}
