import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeJson, fields, string } from '../../common/base/decode.js';
import { AppError, isAppError, messageOf } from '../../common/base/errors.js';
import type { StoreBackend, DurableWrite } from '../backend.js';
import { tableOf } from '../table-definitions.js';
import { compactLogsInThread } from './compact.js';
import { StoreFileWriter } from './file-writer.js';
import type { ScanResult } from './files.js';
import { listFiles, storeFileName, scanFiles } from './files.js';
import { lockFolder } from './folder-lock.js';

/*
 * Write-ahead log with snapshots. All state is in memory, so the disk needs no tree: each batch is
 * appended to a log with one write and one fdatasync, however many objects it touches. When the
 * logs exceed a multiple of the snapshot's size, a thread writes a new snapshot that replaces them.
 * All data is read once, at open.
 */

type Records = Awaited<ReturnType<StoreBackend['load']>>;

export interface EmbeddedOptions {
  /** Minimum total log size for a snapshot, bytes; default 16 MiB. */
  readonly compactAboveBytes?: number;
}

/** A new snapshot is written when the logs exceed this multiple of the last one's size. */
const compactionRatio = 2;
const defaultCompactAboveBytes = 16 * 1_024 * 1_024;

/**
 * Opens the embedded store in a local folder, exclusively for this process. Each batch is atomic
 * and is acknowledged once it is on disk. Throws `internal` if a file is damaged, `unsupported` if
 * another version wrote it, `conflict` if another process has the store open; the messages name
 * file and remedy.
 */
export async function openEmbedded(
  folder: string,
  options: EmbeddedOptions = {},
): Promise<StoreBackend> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const unlock = await lockFolder(folder);
  try {
    const { records, scan: found } = await readAll(folder);
    return new EmbeddedBackend(folder, options, { records, found, unlock });
  } catch (error) {
    await unlock();
    throw error;
  }
}

/** Reads all objects of a store without locking or modifying it. Throws as `openEmbedded`. */
export async function readEmbedded(folder: string): Promise<Records> {
  return (await readAll(folder)).records;
}

interface ReadStore {
  readonly records: Records;
  readonly scan: ScanResult;
}

async function readAll(folder: string, attempt = 1): Promise<ReadStore> {
  const lines = new Map<string, string>();
  try {
    const found = await scanFiles(await listFiles(folder), (key, value) => {
      if (value === undefined) lines.delete(key);
      else lines.set(key, value);
    });
    return { records: [...lines].map(toRecord), scan: found };
  } catch (error) {
    // A concurrent snapshot replaced the listed files.
    const gone = (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (gone && attempt < 5) return readAll(folder, attempt + 1);
    if (isAppError(error) && error.kind === 'unsupported') throw error;
    throw new AppError(
      'internal',
      `store ${folder} cannot be read: ${messageOf(error)}; restore a backup with "shoal store import FILE --replace" (nothing was changed)`,
      { cause: error },
    );
  }
}

function toRecord([key, json]: readonly [string, string]): Records[number] {
  const path = decodeJson(key, string, 'key');
  const table = tableOf(path);
  if (table !== undefined) return { table, value: decodeJson(json, fields, path) };
  throw new AppError('internal', `${path} belongs to no table of this version`);
}

function toLine({ table, id, value }: DurableWrite): string {
  const key = JSON.stringify(`${table}/${id}`);
  return value === undefined ? `${key}\n` : `${key}\t${JSON.stringify(value)}\n`;
}

interface Opened {
  readonly records: Records;
  readonly found: ScanResult;
  readonly unlock: () => Promise<void>;
}

class EmbeddedBackend implements StoreBackend {
  readonly name = 'embedded';
  readonly #folder: string;
  readonly #compactAbove: number;
  readonly #unlock: () => Promise<void>;
  /** Records read at open, kept until the first `load` or `commit`. */
  #records: Records | undefined;
  /** Scan of the files at open; undefined once this process has opened a log of its own. */
  #found: ScanResult | undefined;
  #log: StoreFileWriter | undefined;
  #number: number;
  #oldLogBytes: number;
  #snapshotBytes: number;
  /** Pending rollback of a partial write; runs before the next commit. */
  #undo: (() => Promise<void>) | undefined;
  readonly #closing = new AbortController();
  #compacting: Promise<void> | undefined;
  #working: Promise<void> = Promise.resolve();

  constructor(folder: string, options: EmbeddedOptions, opened: Opened) {
    this.#folder = folder;
    this.#compactAbove = options.compactAboveBytes ?? defaultCompactAboveBytes;
    this.#records = opened.records;
    this.#found = opened.found;
    this.#unlock = opened.unlock;
    this.#number = opened.found.number;
    this.#oldLogBytes = opened.found.logBytes;
    this.#snapshotBytes = opened.found.snapshotBytes;
  }

  async load(): Promise<Records> {
    const known = this.#records;
    this.#records = undefined;
    if (known !== undefined) return known;
    await this.#working;
    return readEmbedded(this.#folder);
  }

  commit(writes: readonly DurableWrite[]): Promise<void> {
    this.#records = undefined;
    const done = this.#working.then(() => this.#commit(writes));
    this.#working = done.catch(() => undefined);
    return done;
  }

  bytes(): number {
    return this.#snapshotBytes + this.#oldLogBytes + (this.#log?.bytes ?? 0);
  }

  async compact(): Promise<void> {
    await this.#compacting;
    this.#working = this.#working.then(() => this.#startCompacting());
    await this.#working;
    await this.#compacting;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#working;
    await this.#compacting;
    try {
      if (this.#log !== undefined && this.#undo === undefined) await this.#endLog(this.#log);
      await this.#log?.close();
    } catch {
      // Without an end frame the next open only has to check the log's tail.
    } finally {
      await this.#unlock();
    }
  }

  async #commit(writes: readonly DurableWrite[]): Promise<void> {
    if (writes.length === 0) return;
    const lines = writes.map(toLine);
    try {
      await this.#undo?.();
      this.#undo = undefined;
      this.#log ??= await this.#openLog();
      const undo = this.#log.mark();
      try {
        await this.#log.append(lines);
        await this.#log.sync();
      } catch (error) {
        // Nothing may be appended until the partial write is rolled back.
        this.#undo = undo;
        await undo();
        this.#undo = undefined;
        throw error;
      }
    } catch (error) {
      throw this.#writeError(error);
    }
    this.#compactIfNeeded();
  }

  #writeError(error: unknown): AppError {
    const { code } = error as NodeJS.ErrnoException;
    const isDiskFull = code === 'ENOSPC' || code === 'EDQUOT';
    const reason = isDiskFull
      ? 'no space left on device; free some space, writes then resume automatically'
      : messageOf(error);
    return new AppError('unavailable', `store ${this.#folder} cannot be written: ${reason}`, {
      cause: error,
    });
  }

  /**
   * Opens a new log. Ends an unfinished log first, so that only the last log can lack an end frame.
   */
  async #openLog(): Promise<StoreFileWriter> {
    const openEnd = this.#found?.openEnd;
    let chain = this.#found?.chain ?? 0;
    if (openEnd !== undefined) {
      const old = await StoreFileWriter.resume(openEnd.path, openEnd.at, openEnd.chain);
      try {
        await this.#endLog(old);
        ({ chain } = old);
      } finally {
        await old.close();
      }
      if (this.#found !== undefined) this.#found = { ...this.#found, openEnd: undefined, chain };
    }
    const log = await this.#newLog(chain);
    for (const path of (await listFiles(this.#folder)).leftovers) await rm(path, { force: true });
    this.#found = undefined;
    return log;
  }

  async #newLog(after: number): Promise<StoreFileWriter> {
    const header = { kind: 'log', number: this.#number + 1, after } as const;
    const log = await StoreFileWriter.create(this.#folder, header);
    try {
      await log.publish();
    } catch (error) {
      await log.close();
      await rm(log.path, { force: true });
      throw error;
    }
    this.#number += 1;
    return log;
  }

  async #endLog(log: StoreFileWriter): Promise<void> {
    await log.end();
    await log.sync();
  }

  #compactIfNeeded(): void {
    const bytes = this.#oldLogBytes + (this.#log?.bytes ?? 0);
    const isLarge = bytes > Math.max(this.#compactAbove, compactionRatio * this.#snapshotBytes);
    if (!isLarge || this.#compacting !== undefined || this.#closing.signal.aborted) return;
    this.#working = this.#working.then(() => this.#startCompacting());
  }

  /**
   * Rotates the log and starts a snapshot. Never rejects: after a failure the logs grow until a
   * retry.
   */
  async #startCompacting(): Promise<void> {
    const old = this.#log;
    if (old === undefined || this.#compacting !== undefined) return;
    const last = this.#number;
    const undoEnd = old.mark();
    const next = join(this.#folder, storeFileName('log', last + 1));
    try {
      await this.#endLog(old);
      this.#log = await this.#newLog(old.chain);
    } catch {
      this.#undo = async () => {
        await rm(next, { force: true });
        await undoEnd();
      };
      return;
    }
    this.#oldLogBytes += old.bytes;
    await old.close();
    this.#compacting = this.#compact(last, this.#oldLogBytes).finally(() => {
      this.#compacting = undefined;
    });
  }

  async #compact(last: number, bytes: number): Promise<void> {
    try {
      await compactLogsInThread(this.#folder, last, this.#closing.signal);
      this.#snapshotBytes = await snapshotSize(this.#folder);
      this.#oldLogBytes -= bytes;
    } catch {
      // Back off: assume a snapshot of that size, so that not every write retries.
      this.#snapshotBytes = Math.max(this.#snapshotBytes, Math.ceil(bytes / compactionRatio));
    }
  }
}

async function snapshotSize(folder: string): Promise<number> {
  const { snapshot } = await listFiles(folder);
  return snapshot === undefined ? 0 : (await stat(snapshot.path)).size;
}
