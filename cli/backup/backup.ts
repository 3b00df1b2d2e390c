import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import type { BackupHeader, BackupRecord } from '../../manager/common/protocol/backup.js';
import { BackupReader } from '../../manager/common/protocol/backup.js';
import type { Cli } from '../cli.js';
import { transfer } from '../client/transfer.js';
import { ownVersion } from '../../manager/common/base/package-root.js';

/**
 * Writes a backup of the running cluster to a file, or to stdout for `-`. The file is renamed into
 * place after its checksum is verified.
 */
export async function backupCluster(cli: Cli, file: string | undefined): Promise<void> {
  if (file === '-' && cli.stdout.isTTY) {
    throw new AppError(
      'invalid',
      'store backup: refusing to write to a terminal; redirect stdout or name a file',
    );
  }
  const client = await cli.connect();
  const chunks = transfer(await client.open('backup', {}, cli.interrupts.signal));
  if (file === '-') {
    for await (const chunk of chunks) await cli.stdout.send(chunk);
    return;
  }
  const stamp = new Date(cli.now()).toISOString().replaceAll(/[-:]|\.\d+/gu, '');
  await writeChecked(cli, file ?? `${client.cluster}-${stamp}.backup`, chunks);
}

/** Writes a backup of a stopped manager on this machine; `config` is its settings file. */
export async function exportLocalStore(cli: Cli, file: string, config: string): Promise<void> {
  const { exportStore } = await import('../../manager/store-main.js');
  const at = new Date(cli.now()).toISOString();
  const { chunks } = await exportStore(config, { at, version: ownVersion() });
  const bytes = (function* () {
    for (const chunk of chunks) yield Buffer.from(chunk);
  })();
  await writeChecked(cli, file, bytes);
}

async function writeChecked(
  cli: Cli,
  path: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const unfinished = `${path}.part`;
  const reader = new BackupReader(path);
  try {
    await pipeline(
      Readable.from(chunks),
      async function* (source: AsyncIterable<Uint8Array>) {
        for await (const chunk of source) {
          reader.push(chunk);
          yield chunk;
        }
      },
      createWriteStream(unfinished, { mode: 0o600, flush: true }),
    );
    const { header, count } = reader.finish();
    await rename(unfinished, path);
    cli.stdout.write(`${path}\n`);
    cli.stderr.write(`backed up ${String(count)} objects of cluster ${header.clusterName}\n`);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}

/** Verifies a backup file; throws if it is invalid or unreadable. Calls `seen` with each object. */
export async function verifyBackupFile(
  path: string,
  seen?: (record: BackupRecord) => void,
): Promise<{ readonly header: BackupHeader; readonly count: number }> {
  const reader = new BackupReader(path, seen);
  for await (const chunk of readFileOrFail(path)) reader.push(chunk);
  return reader.finish();
}

async function* readFileOrFail(path: string): AsyncGenerator<Uint8Array> {
  try {
    const file = await open(path, 'r');
    await file.close();
  } catch (error) {
    throw new AppError('not-found', `cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
  yield* createReadStream(path) as AsyncIterable<Uint8Array>;
}
