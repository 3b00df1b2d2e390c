import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, isAppError, messageOf } from '../../common/base/errors.js';
import type { Backend, DurableWrite } from '../backend.js';
import type { TableName } from '../store.js';
import { compactInThread } from './compact.js';
import { FileWriter } from './file-writer.js';
import type { Scan } from './files.js';
import { listFiles, nameOf, scan } from './files.js';
import { lockFolder } from './folder-lock.js';

/*
 * All state is in memory anyway, so the disk needs no tree: batches are appended to a log, one write and one
 * fdatasync each however many objects they touch. When the logs have grown to a multiple of what is in them,
 * a thread writes a snapshot that takes their place. Reading is reading everything, once, at the start.
 */

type Records = Awaited<ReturnType<Backend['load']>>;

export interface EmbeddedOptions {
  /** Logs smaller than this are not worth a snapshot. */
  readonly compactAboveBytes?: number;
}

/** A snapshot is made when the logs have this many times its size. */
const growth = 2;
const defaultCompactAboveBytes = 16 * 1_024 * 1_024;

/**
 * A folder on local disk, of one process at a time. Each batch is there whole or not at all, and is
 * acknowledged after it is on disk. Fails as `internal` when a file is damaged, `unsupported` when another
 * version wrote it, `conflict` when another process has it open; all say where and what to do.
 */
export async function openEmbedded(
  folder: string,
  options: EmbeddedOptions = {},
): Promise<Backend> {
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

/** Everything in a store, without changing or locking it. Throws as `openEmbedded` does. */
export async function readEmbedded(folder: string): Promise<Records> {
  return (await readAll(folder)).records;
}

interface ReadStore {
  readonly records: Records;
  readonly scan: Scan;
}

async function readAll(folder: string, attempt = 1): Promise<ReadStore> {
  const lines = new Map<string, string>();
  try {
    const found = await scan(await listFiles(folder), (key, value) => {
      if (value === undefined) lines.delete(key);
      else lines.set(key, value);
    });
    return { records: [...lines].map(toRecord), scan: found };
  } catch (error) {
    // A snapshot took the place of what was just listed.
    const gone = (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (gone && attempt < 5) return readAll(folder, attempt + 1);
    if (isAppError(error) && error.kind === 'unsupported') throw error;
    throw new AppError(
      'internal',
      `the store cannot be read: ${messageOf(error)}; nothing was changed: restore a backup with "shoal store import FILE --replace"`,
      { cause: error },
    );
  }
}

function toRecord([key, json]: readonly [string, string]): Records[number] {
  const path = JSON.parse(key) as string;
  const table = path.slice(0, path.indexOf('/')) as TableName;
  return { table, value: JSON.parse(json) as object };
}

function toLine({ table, id, value }: DurableWrite): string {
  const key = JSON.stringify(`${table}/${id}`);
  return value === undefined ? `${key}\n` : `${key}\t${JSON.stringify(value)}\n`;
}

interface Opened {
  readonly records: Records;
  readonly found: Scan;
  readonly unlock: () => Promise<void>;
}

class EmbeddedBackend implements Backend {
  readonly name = 'embedded';
  readonly #folder: string;
  readonly #compactAbove: number;
  readonly #unlock: () => Promise<void>;
  /** What was read when it was opened, until somebody asks for it. */
  #records: Records | undefined;
  /** How the files were found; undefined once a log of our own is open. */
  #found: Scan | undefined;
  #log: FileWriter | undefined;
  #number: number;
  #oldLogBytes: number;
  #snapshotBytes: number;
  /** The way back from a write that failed half-way and could not be taken back yet. */
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

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#working;
    await this.#compacting;
    try {
      if (this.#log !== undefined && this.#undo === undefined) await this.#endLog(this.#log);
      await this.#log?.close();
    } catch {
      // Without its end mark the next one to open it looks at the end more closely, that is all.
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
        // Until it is certain that nothing of it is there, nothing else may follow.
        this.#undo = undo;
        await undo();
        this.#undo = undefined;
        throw error;
      }
    } catch (error) {
      throw this.#notWritten(error);
    }
    this.#considerCompacting();
  }

  #notWritten(error: unknown): AppError {
    const { code } = error as NodeJS.ErrnoException;
    const full = code === 'ENOSPC' || code === 'EDQUOT';
    const why = full ? 'no space is left on its disk: make some, it goes on by itself' : '';
    return new AppError(
      'unavailable',
      `store ${this.#folder} cannot be written: ${why === '' ? messageOf(error) : why}`,
      { cause: error },
    );
  }

  /** What an earlier process left open is ended first, so that only the last log can be without an end. */
  async #openLog(): Promise<FileWriter> {
    const openEnd = this.#found?.openEnd;
    let chain = this.#found?.chain ?? 0;
    if (openEnd !== undefined) {
      const old = await FileWriter.resume(openEnd.path, openEnd.at, openEnd.chain);
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

  async #newLog(after: number): Promise<FileWriter> {
    const header = { kind: 'log', number: this.#number + 1, after } as const;
    const log = await FileWriter.create(this.#folder, header);
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

  async #endLog(log: FileWriter): Promise<void> {
    await log.end();
    await log.sync();
  }

  #considerCompacting(): void {
    const bytes = this.#oldLogBytes + (this.#log?.bytes ?? 0);
    const worth = bytes > Math.max(this.#compactAbove, growth * this.#snapshotBytes);
    if (!worth || this.#compacting !== undefined || this.#closing.signal.aborted) return;
    this.#working = this.#working.then(() => this.#startCompacting());
  }

  /** Never rejects: without a snapshot the logs only grow, and it is tried again when they have. */
  async #startCompacting(): Promise<void> {
    const old = this.#log;
    if (old === undefined || this.#compacting !== undefined) return;
    const last = this.#number;
    const takeBackEnd = old.mark();
    const next = join(this.#folder, nameOf('log', last + 1));
    try {
      await this.#endLog(old);
      this.#log = await this.#newLog(old.chain);
    } catch {
      this.#undo = async () => {
        await rm(next, { force: true });
        await takeBackEnd();
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
      await compactInThread(this.#folder, last, this.#closing.signal);
      this.#snapshotBytes = await snapshotSize(this.#folder);
      this.#oldLogBytes -= bytes;
    } catch {
      // As if there were a snapshot of that size: not tried again with every write.
      this.#snapshotBytes = Math.max(this.#snapshotBytes, Math.ceil(bytes / growth));
    }
  }
}

async function snapshotSize(folder: string): Promise<number> {
  const { snapshot } = await listFiles(folder);
  return snapshot === undefined ? 0 : (await stat(snapshot.path)).size;
}
