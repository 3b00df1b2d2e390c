import { crc32 } from 'node:zlib';
import { AppError } from '../../base/errors.js';
import type { TableName } from '../store.js';

/** `<crc32 of the JSON, 8 hex digits><JSON>`: the library keeps no checksums of its own. */
export function encodeRecord(value: object): string {
  const json = JSON.stringify(value);
  return checksum(json) + json;
}

/** Throws `internal` when the text is not what was written. */
export function decodeRecord(key: string, text: string): { table: TableName; value: object } {
  const json = text.slice(8);
  if (text.slice(0, 8) !== checksum(json)) {
    throw new AppError('internal', `record ${key} is damaged`);
  }
  const table = key.slice(0, key.indexOf('/')) as TableName;
  return { table, value: JSON.parse(json) as object };
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}
