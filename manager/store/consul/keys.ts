import { crc32 } from 'node:zlib';
import { decodeJson, fields } from '../../common/base/decode.js';
import { AppError } from '../../common/base/errors.js';
import type { TableName } from '../store.js';

/*
 * Key layout below `<prefix>/<cluster>/`:
 *   meta                     cluster identity, store format and epoch
 *   leader                   leader election lock
 *   <table>/<id>             one object: its JSON, or the first part of it
 *   parts/<n>/<table>/<id>   n-th further part, from 1, of an object too large for one value
 *   journal/commit           the batch being applied, if any
 *   journal/<batch>/<n>      pieces of that batch
 * The flags of an object's key hold the CRC-32 of its JSON (lower 32 bits) and the number of
 * further parts above them. Other tools do not set such flags, so manual changes are detected.
 */

/** Maximum bytes of one value: its base64 plus keys stays below the request limit. */
export const maxPartBytes = 256 * 1_024;

/** Maximum JSON size of an object, far above any legitimate one, secrets and configs included. */
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

export interface EncodedObject {
  /** Value of the object's key, then the further parts. */
  readonly parts: readonly [Buffer, ...Buffer[]];
  readonly flags: number;
}

/** Encodes an object. Throws `invalid` if it exceeds `maxObjectBytes`. */
export function encodeObject(key: string, value: object): EncodedObject {
  const bytes = Buffer.from(JSON.stringify(value));
  if (bytes.length > maxObjectBytes) {
    throw new AppError(
      'invalid',
      `${key}: object has ${bytes.length} bytes, the limit in consul is ${maxObjectBytes}`,
    );
  }
  const parts: Buffer[] = [];
  for (let at = maxPartBytes; at < bytes.length; at += maxPartBytes) {
    parts.push(bytes.subarray(at, at + maxPartBytes));
  }
  return {
    parts: [bytes.subarray(0, maxPartBytes), ...parts],
    flags: parts.length * partsUnit + crc32(bytes),
  };
}

/** Number of further parts, from the flags of an object's key. */
export function partCountOf(flags: number): number {
  return Math.floor(flags / partsUnit);
}

/** Decodes an object; undefined if the checksum does not match. */
export function decodeObject(bytes: Buffer, flags: number): object | undefined {
  if (crc32(bytes) !== flags % partsUnit) return undefined;
  return decodeJson(bytes.toString(), fields, 'consul object');
}
