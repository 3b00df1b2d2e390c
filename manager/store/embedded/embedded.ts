import { existsSync, statSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RootDatabase } from 'lmdb';
import { open } from 'lmdb';
import { AppError, messageOf } from '../../base/errors.js';
import type { Backend, DurableWrite } from '../backend.js';
import type { TableName } from '../store.js';
import { isShort } from './file-check.js';
import { readElsewhere } from './read-elsewhere.js';
import { decodeRecord, encodeRecord } from './record.js';

/** Raised when what is on disk can no longer be read by an older manager. */
export const storeFormat = 1;
const formatKey = 'meta/format';

type Record = Awaited<ReturnType<Backend['load']>>[number];

/** There while a store is open; found at the next start when the process was killed. */
const openMark = 'store.open';

/**
 * One file on local disk, crash-safe. Each batch is one transaction, acknowledged after fsync. Fails as
 * `internal` when the file is damaged and as `unsupported` when a newer version wrote it; both say where.
 */
export async function openEmbedded(folder: string): Promise<Backend> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, 'store.mdb');
  const mark = join(folder, openMark);
  try {
    // The library ends the process on some kinds of damage: what could be damaged is first read by another.
    if ((await isShort(path)) || existsSync(mark)) await readElsewhere(folder);
    await writeFile(mark, '');
    return new EmbeddedBackend(await openFile(path), path, mark);
  } catch (error) {
    throw damaged(path, error);
  }
}

/** Reads a whole store and closes it: what the process that tries a doubtful one does. */
export async function readWhole(folder: string): Promise<void> {
  const path = join(folder, 'store.mdb');
  const backend = new EmbeddedBackend(await openFile(path), path, undefined);
  try {
    await backend.load();
  } finally {
    await backend.close();
  }
}

async function openFile(path: string): Promise<RootDatabase<string, string>> {
  const db = open<string, string>({ path, encoding: 'string', overlappingSync: false });
  const format = db.get(formatKey);
  if (format === undefined && db.getKeysCount() > 0) {
    throw new AppError('internal', 'it has records but no format number');
  }
  if (format === undefined) await db.put(formatKey, String(storeFormat));
  else checkFormat(path, Number(format));
  return db;
}

function checkFormat(path: string, format: number): void {
  if (format <= storeFormat) return;
  throw new AppError(
    'unsupported',
    `store ${path} has format ${format}, this version knows ${storeFormat}: run the newer version`,
  );
}

function damaged(path: string, error: unknown): AppError {
  if (error instanceof AppError && error.message.startsWith('store ')) return error;
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
  readonly #mark: string | undefined;

  constructor(db: RootDatabase<string, string>, path: string, mark: string | undefined) {
    this.#db = db;
    this.#path = path;
    this.#mark = mark;
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

  bytes(): number | undefined {
    return statSync(this.#path, { throwIfNoEntry: false })?.size;
  }

  async close(): Promise<void> {
    await this.#db.close();
    if (this.#mark !== undefined) await rm(this.#mark, { force: true });
  }

  #write({ table, id, value }: DurableWrite): void {
    const key: `${TableName}/${string}` = `${table}/${id}`;
    if (value === undefined) void this.#db.remove(key);
    else void this.#db.put(key, encodeRecord(value));
  }
}
