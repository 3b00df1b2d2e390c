import { createHash } from 'node:crypto';
import type { Decoder, Fields } from '../base/decode.js';
import {
  count,
  decode,
  decodeJson,
  fields,
  isFields,
  nonEmptyString,
  number,
  object,
  orElse,
  string,
} from '../base/decode.js';
import { AppError } from '../base/errors.js';

/*
 * A backup is JSON Lines: a header, one line for each object of the store, and a trailer with the
 * object count and the SHA-256 of all preceding bytes. A file without a trailer is not a valid
 * backup.
 */

/** Format version; incremented when older programs can no longer read the backup. */
export const backupFormat = 2;

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

/** Whether an object has values that are sealed with the cluster's key. */
export function isSealedRecord(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isSealedRecord);
  if (!isFields(value)) return false;
  const { key, nonce, tag, text } = value;
  return (
    [key, nonce, tag, text].every((part) => typeof part === 'string') ||
    Object.values(value).some(isSealedRecord)
  );
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

const format = object({ shoalBackup: number });
const header = object<BackupHeader>({
  clusterId: nonEmptyString,
  clusterName: string,
  index: count,
  at: string,
  version: orElse(string, ''),
});
const record = object<BackupRecord>({
  table: nonEmptyString,
  value: object({ id: nonEmptyString }),
});
const trailer = object({ count, sha256: string });

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
    const line = this.#parse(bytes);
    if (this.#header === undefined) this.#header = this.#readHeader(line);
    else if (this.#ended) throw this.#damaged('data after the trailer');
    else if (line.end === true) {
      this.#readTrailer(line);
      return;
    } else this.#readRecord(line);
    this.#hash.update(bytes);
  }

  #parse(bytes: Buffer): Fields {
    try {
      return decodeJson(bytes.toString(), fields, this.#name);
    } catch {
      throw this.#header === undefined
        ? this.#notABackup()
        : this.#damaged('a line is not a JSON object');
    }
  }

  #readHeader(line: Fields): BackupHeader {
    const { shoalBackup } = this.#decode(line, format, () => this.#notABackup());
    if (shoalBackup > backupFormat) {
      throw new AppError(
        'unsupported',
        `${this.#name}: backup format ${shoalBackup} is newer than the supported format ${backupFormat}; upgrade shoal`,
      );
    }
    const read = this.#decode(line, header, () => this.#notABackup());
    const { clusterId, clusterName, index, at, version } = read;
    return { clusterId, clusterName, index, at, version };
  }

  #readRecord(line: Fields): void {
    const { table, value } = this.#decode(line, record, () =>
      this.#damaged('a line is not a store object'),
    );
    this.#count += 1;
    this.#onRecord({ table, value });
  }

  #readTrailer(line: Fields): void {
    const found = this.#decode(line, trailer, () => this.#damaged('the trailer is malformed'));
    if (found.count !== this.#count) {
      throw this.#damaged(`found ${this.#count} objects, the trailer says ${found.count}`);
    }
    if (found.sha256 !== this.#hash.digest('hex')) throw this.#damaged('checksum mismatch');
    this.#ended = true;
  }

  #decode<Value>(line: Fields, decoder: Decoder<Value>, failure: () => AppError): Value {
    try {
      return decode(line, decoder, this.#name);
    } catch {
      throw failure();
    }
  }

  #notABackup(): AppError {
    return new AppError('invalid', `${this.#name}: not a backup of a shoal store; check the path`);
  }

  #damaged(reason: string): AppError {
    return new AppError('invalid', `${this.#name}: backup is damaged: ${reason}`);
  }
}
