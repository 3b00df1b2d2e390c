import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { count, decodeJson, object, oneOf } from '../../common/base/decode.js';
import { AppError } from '../../common/base/errors.js';
import type { LogFrame } from './frames.js';
import { LogFrameReader } from './frames.js';

/** First frame of every file. */
export interface FileHeader {
  readonly kind: 'log' | 'snapshot';
  readonly number: number;
  /** Checksum at the end of the previous log; for a snapshot, of the last log it replaces. */
  readonly after: number;
}

const fileHeader = object<FileHeader>({
  kind: oneOf('log', 'snapshot'),
  number: count,
  after: count,
});

export interface StoreFile {
  readonly path: string;
  readonly kind: 'log' | 'snapshot';
  /** Logs are numbered from 1; a snapshot replaces all logs up to its number. */
  readonly number: number;
}

export interface StoreFiles {
  readonly snapshot: StoreFile | undefined;
  /** Logs after the snapshot, in order. */
  readonly logs: readonly StoreFile[];
  /** Obsolete files: replaced by a snapshot, or never published. */
  readonly leftovers: readonly string[];
}

export function storeFileName(kind: 'log' | 'snapshot', number: number): string {
  return `${kind}-${String(number).padStart(8, '0')}`;
}

/**
 * Lists the files of a store. Throws `unsupported` for a folder in the LMDB format of early
 * versions.
 */
export async function listFiles(folder: string): Promise<StoreFiles> {
  const found: StoreFile[] = [];
  const leftovers: string[] = [];
  const names = (await readdir(folder)).sort();
  for (const name of names) {
    const match = /^(?<kind>log|snapshot)-(?<number>\d{8})(?<unfinished>\.new)?$/.exec(name);
    if (match === null) continue;
    const path = join(folder, name);
    if (match.groups?.unfinished !== undefined) leftovers.push(path);
    else {
      const kind = match.groups?.kind === 'log' ? 'log' : 'snapshot';
      found.push({ path, kind, number: Number(match.groups?.number) });
    }
  }
  if (found.length === 0 && names.includes('store.mdb')) {
    throw new AppError(
      'unsupported',
      `${join(folder, 'store.mdb')}: written by an earlier version and not supported; move it away to start empty`,
    );
  }
  const snapshot = found.filter(({ kind }) => kind === 'snapshot').at(-1);
  const logs = found.filter(
    ({ kind, number }) => kind === 'log' && number > (snapshot?.number ?? 0),
  );
  const kept = new Set([snapshot, ...logs]);
  leftovers.push(...found.filter((file) => !kept.has(file)).map(({ path }) => path));
  return { snapshot, logs, leftovers };
}

/** Resume position of an unfinished log; data after `at` was never acknowledged. */
export interface UnfinishedLog {
  readonly path: string;
  readonly at: number;
  readonly chain: number;
}

export interface ScanResult {
  /** Number of the last log, or of the last log the snapshot replaces. */
  readonly number: number;
  readonly chain: number;
  /** Undefined if the last log has its end frame. */
  readonly openEnd: UnfinishedLog | undefined;
  readonly snapshotBytes: number;
  readonly logBytes: number;
}

/**
 * Called for each line with the key as JSON text and the object's JSON; undefined for a removal.
 */
export type LineHandler = (key: string, value: string | undefined) => void;

/**
 * Reads a snapshot and the logs after it, in order. Lines of an incomplete batch are skipped.
 * Throws `internal` or `unsupported` with the position and the reason.
 */
export async function scanFiles(files: StoreFiles, onLine: LineHandler): Promise<ScanResult> {
  let [number, chain, snapshotBytes, logBytes] = [0, 0, 0, 0];
  let openEnd: UnfinishedLog | undefined;
  if (files.snapshot !== undefined) {
    const read = await readFile(files.snapshot, onLine);
    if (!read.ended) throw truncated(files.snapshot);
    [number, chain, snapshotBytes] = [files.snapshot.number, read.header.after, read.bytes];
  }
  for (const [at, file] of files.logs.entries()) {
    if (file.number !== number + 1) {
      const missing = storeFileName('log', number + 1);
      throw new AppError('internal', `${file.path}: preceding log ${missing} is missing`);
    }
    const read = await readFile(file, onLine);
    if (read.header.after !== chain) {
      throw new AppError('internal', `${file.path}: does not continue the preceding file`);
    }
    const isLast = at === files.logs.length - 1;
    if (!read.ended && !isLast) throw truncated(file);
    ({ number } = file);
    ({ chain } = read);
    logBytes += read.bytes;
    if (!read.ended) openEnd = { path: file.path, at: read.goodAt, chain };
  }
  return { number, chain, openEnd, snapshotBytes, logBytes };
}

function truncated(file: StoreFile): AppError {
  return new AppError('internal', `${file.path} is damaged: file is truncated`);
}

interface ReadFile {
  readonly header: FileHeader;
  readonly ended: boolean;
  /** Position after the last complete batch; `chain` is the checksum there. */
  readonly goodAt: number;
  readonly chain: number;
  readonly bytes: number;
}

async function readFile(file: StoreFile, onLine: LineHandler): Promise<ReadFile> {
  const handle = await open(file.path, 'r');
  try {
    const { size } = await handle.stat();
    const reader = new LogFrameReader(handle, file.path, size);
    await reader.open();
    const first = await reader.frames().next();
    const header = first.done === true ? undefined : toHeader(file, first.value);
    if (header === undefined) {
      throw new AppError('internal', `${file.path} is damaged: header is missing`);
    }
    return { header, bytes: size, ...(await readBatches(reader, onLine)) };
  } finally {
    await handle.close();
  }
}

async function readBatches(
  reader: LogFrameReader,
  onLine: LineHandler,
): Promise<Pick<ReadFile, 'ended' | 'goodAt' | 'chain'>> {
  let batch: string[] = [];
  let [goodAt, chain] = [reader.at, reader.chain];
  for await (const frame of reader.frames()) {
    if (frame.kind === 'end') return { ended: true, goodAt: reader.at, chain: reader.chain };
    batch.push(frame.text);
    if (frame.kind === 'more') continue;
    for (const text of batch) eachLine(text, onLine);
    batch = [];
    [goodAt, chain] = [reader.at, reader.chain];
  }
  return { ended: false, goodAt, chain };
}

function eachLine(text: string, onLine: LineHandler): void {
  let at = 0;
  let tab = text.indexOf('\t');
  while (at < text.length) {
    const end = text.indexOf('\n', at);
    if (tab !== -1 && tab < at) tab = text.indexOf('\t', at);
    const hasValue = tab !== -1 && tab < end;
    onLine(text.slice(at, hasValue ? tab : end), hasValue ? text.slice(tab + 1, end) : undefined);
    at = end + 1;
  }
}

function toHeader(file: StoreFile, { kind, text }: LogFrame): FileHeader | undefined {
  if (kind !== 'header') return undefined;
  const header = decodeJson(text, fileHeader, `${file.path}: header`);
  return header.kind === file.kind && header.number === file.number ? header : undefined;
}
