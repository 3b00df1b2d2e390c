import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { RootDatabase } from 'lmdb';
import { open } from 'lmdb';
import { AppError, messageOf } from '../../base/errors.js';
import type { Backend, DurableWrite } from '../backend.js';
import type { TableName } from '../store.js';
import { checkStoreFile } from './file-check.js';
import { decodeRecord, encodeRecord } from './record.js';

/** Raised when what is on disk can no longer be read by an older manager. */
export const storeFormat = 1;
const formatKey = 'meta/format';

type Record = Awaited<ReturnType<Backend['load']>>[number];

/**
 * One file on local disk, crash-safe. Each batch is one transaction, acknowledged after fsync. Fails as
 * `internal` when the file is damaged and as `unsupported` when a newer version wrote it; both say where.
 */
export async function openEmbedded(folder: string): Promise<Backend> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, 'store.mdb');
  try {
    await checkStoreFile(path);
    const db = open<string, string>({ path, encoding: 'string', overlappingSync: false });
    const format = db.get(formatKey);
    if (format === undefined && db.getKeysCount() > 0) {
      throw new AppError('internal', 'it has records but no format number');
    }
    if (format === undefined) await db.put(formatKey, String(storeFormat));
    else checkFormat(path, Number(format));
    return new EmbeddedBackend(db, path);
  } catch (error) {
    throw damaged(path, error);
  }
}

function checkFormat(path: string, format: number): void {
  if (format <= storeFormat) return;
  throw new AppError(
    'unsupported',
    `store ${path} has format ${format}, this version knows ${storeFormat}: run the newer version`,
  );
}

function damaged(path: string, error: unknown): AppError {
  if (error instanceof AppError && error.kind === 'unsupported') return error;
  return new AppError(
    'internal',
    `store ${path} cannot be read: ${messageOf(error)}; restore a copy, or move it away to start empty`,
    { cause: error },
  );
}

class EmbeddedBackend implements Backend {
  readonly name = 'embedded';
  readonly #db: RootDatabase<string, string>;
  readonly #path: string;

  constructor(db: RootDatabase<string, string>, path: string) {
    this.#db = db;
    this.#path = path;
  }

  load(): Promise<readonly Record[]> {
    const records: Record[] = [];
    try {
      for (const { key, value } of this.#db.getRange()) {
        if (key !== formatKey) records.push(decodeRecord(key, value));
      }
      const { entryCount } = this.#db.getStats() as { readonly entryCount: number };
      const found = records.length + 1;
      if (found !== entryCount) {
        throw new AppError('internal', `it says ${entryCount} records, but has ${found}`);
      }
    } catch (error) {
      return Promise.reject(damaged(this.#path, error));
    }
    return Promise.resolve(records);
  }

  async commit(writes: readonly DurableWrite[]): Promise<void> {
    try {
      await this.#db.transaction(() => {
        for (const write of writes) this.#write(write);
      });
      await this.#db.flushed;
    } catch (error) {
      throw new AppError(
        'unavailable',
        `store ${this.#path} cannot be written: ${messageOf(error)}`,
        {
          cause: error,
        },
      );
    }
  }

  close(): Promise<void> {
    return this.#db.close();
  }

  #write({ table, id, value }: DurableWrite): void {
    const key: `${TableName}/${string}` = `${table}/${id}`;
    if (value === undefined) void this.#db.remove(key);
    else void this.#db.put(key, encodeRecord(value));
  }
}
