import { createHash } from 'node:crypto';
import { AppError } from '../base/errors.js';

/*
 * A backup is JSON Lines: a header, one line for each object of the store, and a trailer with the
 * object count and the SHA-256 of all preceding bytes. A file without a trailer is not a valid
 * backup.
 */

/** Format version; incremented when older programs can no longer read the backup. */
export const backupFormat = 1;

export interface BackupHeader {
  readonly clusterId: string;
  readonly clusterName: string;
  /** Store index of the snapshot. */
  readonly index: number;
  /** Creation time, RFC 3339. */
  readonly at: string;
  /** Version of the program that wrote the backup. */
  readonly version: string;
}

/** One object of the store. */
export interface BackupRecord {
  readonly table: string;
  readonly value: object;
}

const chunkLength = 256 * 1_024;

/** Generates the text of a backup in chunks of about 256 KiB. */
export function* writeBackup(
  header: BackupHeader,
  records: Iterable<BackupRecord>,
): Generator<string> {
  const hash = createHash('sha256');
  let chunk = `${JSON.stringify({ shoalBackup: backupFormat, ...header })}\n`;
  let count = 0;
  for (const { table, value } of records) {
    if (chunk.length >= chunkLength) {
      hash.update(chunk);
      yield chunk;
      chunk = '';
    }
    chunk += `${JSON.stringify({ table, value })}\n`;
    count += 1;
  }
  hash.update(chunk);
  yield `${chunk}${JSON.stringify({ end: true, count, sha256: hash.digest('hex') })}\n`;
}

interface Fields {
  readonly shoalBackup?: unknown;
  readonly end?: unknown;
  readonly count?: unknown;
  readonly sha256?: unknown;
  readonly table?: unknown;
  readonly value?: unknown;
}

/**
 * Streaming parser of a backup; passes each object to `onRecord`. Do not use the objects before
 * `finish` returns: only then are count and checksum verified. Throws `invalid` for a damaged file
 * or one that is not a backup, and `unsupported` for a newer format.
 */
export class BackupReader {
  readonly #name: string;
  readonly #onRecord: (record: BackupRecord) => void;
  readonly #hash = createHash('sha256');
  #incompleteLine: Buffer = Buffer.alloc(0);
  #header: BackupHeader | undefined;
  #count = 0;
  #ended = false;

  /** `name` identifies the backup in error messages, usually its path. */
  constructor(name: string, onRecord: (record: BackupRecord) => void = () => undefined) {
    this.#name = name;
    this.#onRecord = onRecord;
  }

  push(bytes: Uint8Array): void {
    const buffer = Buffer.concat([this.#incompleteLine, bytes]);
    let at = 0;
    for (let end = buffer.indexOf(10); end !== -1; end = buffer.indexOf(10, at)) {
      this.#line(buffer.subarray(at, end + 1));
      at = end + 1;
    }
    this.#incompleteLine = Buffer.from(buffer.subarray(at));
    if (this.#header === undefined && this.#incompleteLine.length > chunkLength) {
      throw this.#notABackup();
    }
  }

  finish(): { readonly header: BackupHeader; readonly count: number } {
    if (this.#header === undefined) throw this.#notABackup();
    if (!this.#ended || this.#incompleteLine.length > 0) {
      throw new AppError('invalid', `${this.#name}: backup is truncated; use another backup`);
    }
    return { header: this.#header, count: this.#count };
  }

  #line(bytes: Buffer): void {
    const fields = this.#parse(bytes);
    if (this.#header === undefined) this.#header = this.#readHeader(fields);
    else if (this.#ended) throw this.#damaged('data after the trailer');
    else if (fields.end === true) {
      this.#readTrailer(fields);
      return;
    } else this.#readRecord(fields);
    this.#hash.update(bytes);
  }

  #parse(bytes: Buffer): Fields {
    let value: unknown;
    try {
      value = JSON.parse(bytes.toString());
    } catch {
      value = undefined;
    }
    if (typeof value === 'object' && value !== null) return value;
    throw this.#header === undefined
      ? this.#notABackup()
      : this.#damaged('a line is not valid JSON');
  }

  #readHeader(fields: Fields & Partial<BackupHeader>): BackupHeader {
    const { shoalBackup: format, clusterId, clusterName, index, at, version } = fields;
    if (typeof format !== 'number') throw this.#notABackup();
    if (format > backupFormat) {
      throw new AppError(
        'unsupported',
        `${this.#name}: backup format ${format} is newer than the supported format ${backupFormat}; upgrade shoal`,
      );
    }
    if (
      clusterId === undefined ||
      clusterName === undefined ||
      index === undefined ||
      at === undefined
    ) {
      throw this.#notABackup();
    }
    return { clusterId, clusterName, index, at, version: version ?? '' };
  }

  #readRecord({ table, value }: Fields): void {
    const hasId = typeof value === 'object' && value !== null && 'id' in value;
    if (typeof table !== 'string' || !hasId) throw this.#damaged('a line is not a store object');
    this.#count += 1;
    this.#onRecord({ table, value });
  }

  #readTrailer({ count, sha256 }: Fields): void {
    if (count !== this.#count) {
      throw this.#damaged(`found ${this.#count} objects, the trailer says ${String(count)}`);
    }
    if (sha256 !== this.#hash.digest('hex')) throw this.#damaged('checksum mismatch');
    this.#ended = true;
  }

  #notABackup(): AppError {
    return new AppError('invalid', `${this.#name}: not a backup of a shoal store; check the path`);
  }

  #damaged(reason: string): AppError {
    return new AppError('invalid', `${this.#name}: backup is damaged: ${reason}`);
  }
}
