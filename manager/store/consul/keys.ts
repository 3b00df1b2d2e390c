import { crc32 } from 'node:zlib';
import { AppError } from '../../common/base/errors.js';
import type { TableName } from '../store.js';
import { tableNames } from '../tables.js';

/*
 * Below `<prefix>/<cluster>/`:
 *   meta                     whose keys these are, in which format, opened how often
 *   leader                   the lock of the managers' election
 *   <table>/<id>             one object: its JSON, or the beginning of it
 *   parts/<n>/<table>/<id>   the n-th piece, from 1, of one too large for a value
 *   journal/commit           which batch is being applied, if any
 *   journal/<batch>/<n>      its pieces
 * The flags of an object's key hold the CRC-32 of its JSON (lower 32 bits) and the number of further
 * pieces above them. Nothing else writes flags like that, so a value changed by hand is noticed.
 */

/** Bytes of one value: base64 of it and some keys stay below the limit of a request. */
export const partBytes = 256 * 1_024;

/** More is refused: no object of a cluster is meant to be that large, secrets and configs included. */
export const maxObjectBytes = 8 * 1_024 * 1_024;

export const metaKey = 'meta';
export const leaderKey = 'leader';
export const journalPrefix = 'journal/';
export const journalCommitKey = 'journal/commit';
export const partsPrefix = 'parts/';

const partsUnit = 2 ** 32;

export function objectKey(table: TableName, id: string): string {
  return `${table}/${id}`;
}

export function partKey(key: string, part: number): string {
  return `${partsPrefix}${String(part)}/${key}`;
}

/** The table of an object's key; undefined for any other key. */
export function tableOf(key: string): TableName | undefined {
  const name = key.slice(0, Math.max(key.indexOf('/'), 0));
  return tableNames.find((table) => table === name);
}

export interface EncodedObject {
  /** The value and its further pieces. */
  readonly parts: readonly [Buffer, ...Buffer[]];
  readonly flags: number;
}

/** Throws `invalid` for what is too large. */
export function encodeObject(key: string, value: object): EncodedObject {
  const bytes = Buffer.from(JSON.stringify(value));
  if (bytes.length > maxObjectBytes) {
    throw new AppError(
      'invalid',
      `${key} has ${bytes.length} bytes, more than the ${maxObjectBytes} an object in consul may have`,
    );
  }
  const parts: Buffer[] = [];
  for (let at = partBytes; at < bytes.length; at += partBytes) {
    parts.push(bytes.subarray(at, at + partBytes));
  }
  return {
    parts: [bytes.subarray(0, partBytes), ...parts],
    flags: parts.length * partsUnit + crc32(bytes),
  };
}

/** Further pieces an object's key speaks of. */
export function partsOf(flags: number): number {
  return Math.floor(flags / partsUnit);
}

/** Undefined when the bytes are not what was written. */
export function decodeObject(bytes: Buffer, flags: number): object | undefined {
  if (crc32(bytes) !== flags % partsUnit) return undefined;
  return JSON.parse(bytes.toString()) as object;
}
