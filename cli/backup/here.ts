import { createReadStream } from 'node:fs';
import type { Cli } from '../cli.js';

/* A manager's store on this machine, while the manager does not run. */

interface ImportOrder {
  /** `-` is standard input. */
  readonly file: string;
  readonly config: string;
  readonly replace: boolean;
}

export async function importHere(cli: Cli, { file, config, replace }: ImportOrder): Promise<void> {
  const { importStore } = await import('../../manager/store-main.js');
  const source =
    file === '-'
      ? { name: 'standard input', stream: cli.stdin }
      : { name: file, stream: createReadStream(file) };
  const { header, count, movedTo } = await importStore(config, source, replace);
  if (movedTo !== undefined) cli.stdout.write(`the store that was there is in ${movedTo} now\n`);
  cli.stdout.write(
    `${String(count)} objects of cluster ${header.clusterName}, as they were at ${header.at}\n`,
  );
}

export async function migrateHere(cli: Cli, to: string, config: string): Promise<void> {
  const { migrateStore } = await import('../../manager/store-main.js');
  const { from, count, sha256 } = await migrateStore(config, to);
  cli.stdout.write(
    `${String(count)} objects copied from ${from} to ${to} and compared (sha256 ${sha256.slice(0, 16)})\n`,
  );
}
