import { createHash } from 'node:crypto';
import { AppError } from '../base/errors.js';

/*
 * A backup is text, one JSON value a line: a header, each object of the store, and a trailer with their
 * count and the SHA-256 of every byte before it. A file without its trailer is not a backup.
 */

/** Raised when what stands in a backup can no longer be read by an older program. */
export const backupFormat = 1;

export interface BackupHeader {
  readonly clusterId: string;
  readonly clusterName: string;
  /** The store's index at the moment that the backup shows. */
  readonly index: number;
  /** When it was made, RFC 3339. */
  readonly at: string;
  /** Of the program that made it. */
  readonly version: string;
}

/** One object of the store. */
export interface BackupRecord {
  readonly table: string;
  readonly value: object;
}

const chunkLength = 256 * 1_024;

/** The text of a backup, in pieces of about a quarter of a megabyte. */
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
 * Reads a backup as it comes, giving each object. What it says must not be used before `finish` has
 * returned: only then is it known to be whole. Throws `invalid` for what is none or is damaged, and
 * `unsupported` for one of a newer program.
 */
export class BackupReader {
  readonly #name: string;
  readonly #onRecord: (record: BackupRecord) => void;
  readonly #hash = createHash('sha256');
  #rest: Buffer = Buffer.alloc(0);
  #header: BackupHeader | undefined;
  #count = 0;
  #ended = false;

  /** `name` is what errors call it. */
  constructor(name: string, onRecord: (record: BackupRecord) => void = () => undefined) {
    this.#name = name;
    this.#onRecord = onRecord;
  }

  push(bytes: Uint8Array): void {
    const buffer = Buffer.concat([this.#rest, bytes]);
    let at = 0;
    for (let end = buffer.indexOf(10); end !== -1; end = buffer.indexOf(10, at)) {
      this.#line(buffer.subarray(at, end + 1));
      at = end + 1;
    }
    this.#rest = Buffer.from(buffer.subarray(at));
    if (this.#header === undefined && this.#rest.length > chunkLength) throw this.#none();
  }

  finish(): { readonly header: BackupHeader; readonly count: number } {
    if (this.#header === undefined) throw this.#none();
    if (!this.#ended || this.#rest.length > 0) {
      throw new AppError(
        'invalid',
        `${this.#name} is cut: its end is missing, take another backup`,
      );
    }
    return { header: this.#header, count: this.#count };
  }

  #line(bytes: Buffer): void {
    const fields = this.#parse(bytes);
    if (this.#header === undefined) this.#header = this.#readHeader(fields);
    else if (this.#ended) throw this.#damaged('something follows its end');
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
    throw this.#header === undefined ? this.#none() : this.#damaged('a line is not JSON');
  }

  #readHeader(fields: Fields & Partial<BackupHeader>): BackupHeader {
    const { shoalBackup: format, clusterId, clusterName, index, at, version } = fields;
    if (typeof format !== 'number') throw this.#none();
    if (format > backupFormat) {
      throw new AppError(
        'unsupported',
        `${this.#name} has format ${format}, this version knows ${backupFormat}: use the newer version`,
      );
    }
    if (
      clusterId === undefined ||
      clusterName === undefined ||
      index === undefined ||
      at === undefined
    ) {
      throw this.#none();
    }
    return { clusterId, clusterName, index, at, version: version ?? '' };
  }

  #readRecord({ table, value }: Fields): void {
    const hasId = typeof value === 'object' && value !== null && 'id' in value;
    if (typeof table !== 'string' || !hasId) throw this.#damaged('a line is no object of a store');
    this.#count += 1;
    this.#onRecord({ table, value });
  }

  #readTrailer({ count, sha256 }: Fields): void {
    if (count !== this.#count) {
      throw this.#damaged(`it has ${this.#count} objects, its end says ${String(count)}`);
    }
    if (sha256 !== this.#hash.digest('hex')) throw this.#damaged('its checksum is another one');
    this.#ended = true;
  }

  #none(): AppError {
    return new AppError('invalid', `${this.#name} is not a backup of a shoal store`);
  }

  #damaged(what: string): AppError {
    return new AppError('invalid', `${this.#name} is damaged: ${what}`);
  }
}
