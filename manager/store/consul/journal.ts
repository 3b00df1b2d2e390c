import { promisify } from 'node:util';
import { crc32, deflateRaw, deflateRawSync, inflateRaw, inflateRawSync } from 'node:zlib';
import { AppError } from '../../common/base/errors.js';
import type { DurableWrite } from '../backend.js';
import { partBytes } from './keys.js';

/** What `journal/commit` says while a batch is being applied; `batch` is empty when none is. */
export interface JournalCommit {
  readonly batch: string;
  readonly pieces: number;
  /** CRC-32 of all pieces together. */
  readonly checksum: number;
}

const smallLength = 128 * 1_024;

export const noBatch: JournalCommit = { batch: '', pieces: 0, checksum: 0 };

/** Packs writes into pieces of a value's size. Speed counts more than size: level 1. */
export async function packJournal(writes: readonly DurableWrite[]): Promise<readonly Buffer[]> {
  const json = JSON.stringify(
    writes.map(({ table, id, value }) =>
      value === undefined ? { table, id } : { table, id, value },
    ),
  );
  // A little is packed in less time than a trip to another thread takes.
  const packed =
    json.length < smallLength
      ? deflateRawSync(json, { level: 1 })
      : await promisify(deflateRaw)(json, { level: 1 });
  const pieces: Buffer[] = [];
  for (let at = 0; at < packed.length; at += partBytes) {
    pieces.push(packed.subarray(at, at + partBytes));
  }
  return pieces;
}

export function commitOf(batch: string, pieces: readonly Buffer[]): JournalCommit {
  return { batch, pieces: pieces.length, checksum: crc32(Buffer.concat(pieces)) };
}

/** Throws `internal` when the pieces are not what was committed. */
export async function unpackJournal(
  commit: JournalCommit,
  pieces: readonly Buffer[],
): Promise<readonly DurableWrite[]> {
  const packed = Buffer.concat(pieces);
  if (pieces.length !== commit.pieces || crc32(packed) !== commit.checksum) {
    throw new AppError('internal', `journal ${commit.batch} in consul is damaged`);
  }
  const json =
    packed.length < smallLength ? inflateRawSync(packed) : await promisify(inflateRaw)(packed);
  return (JSON.parse(json.toString()) as readonly Omit<DurableWrite, 'value'>[]).map((write) => ({
    value: undefined,
    ...write,
  }));
}
