import { promisify } from 'node:util';
import { crc32, deflateRaw, deflateRawSync, inflateRaw, inflateRawSync } from 'node:zlib';
import {
  array,
  count,
  decodeJson,
  fields,
  nonEmptyString,
  object,
  oneOf,
  optional,
  string,
} from '../../common/base/decode.js';
import { AppError } from '../../common/base/errors.js';
import type { DurableWrite } from '../backend.js';
import { tableNames } from '../table-definitions.js';
import { maxPartBytes } from './keys.js';

/** Value of `journal/commit`: the batch being applied; `batch` is empty if there is none. */
export interface JournalCommit {
  readonly batch: string;
  readonly pieces: number;
  /** CRC-32 of all pieces together. */
  readonly checksum: number;
}

const syncLimit = 128 * 1_024;

export const emptyJournalCommit: JournalCommit = { batch: '', pieces: 0, checksum: 0 };

/** Compresses writes into pieces of at most `maxPartBytes`. Compression level 1, for speed. */
export async function packJournal(writes: readonly DurableWrite[]): Promise<readonly Buffer[]> {
  const json = JSON.stringify(
    writes.map(({ table, id, value }) =>
      value === undefined ? { table, id } : { table, id, value },
    ),
  );
  // Compressing a small batch takes less time than a round trip to the thread pool.
  const packed =
    json.length < syncLimit
      ? deflateRawSync(json, { level: 1 })
      : await promisify(deflateRaw)(json, { level: 1 });
  const pieces: Buffer[] = [];
  for (let at = 0; at < packed.length; at += maxPartBytes) {
    pieces.push(packed.subarray(at, at + maxPartBytes));
  }
  return pieces;
}

export function journalCommitOf(batch: string, pieces: readonly Buffer[]): JournalCommit {
  return { batch, pieces: pieces.length, checksum: crc32(Buffer.concat(pieces)) };
}

const journalCommit = object<JournalCommit>({ batch: string, pieces: count, checksum: count });

/** Throws `invalid` that names `key` and the bad field. */
export function decodeJournalCommit(key: string, value: Buffer): JournalCommit {
  return decodeJson(value.toString(), journalCommit, `consul key ${key}`);
}

const journalWrites = array(
  object<Omit<DurableWrite, 'value'> & { readonly value?: object }>({
    table: oneOf(...tableNames),
    id: nonEmptyString,
    value: optional(fields),
  }),
);

/** Decompresses a journal. Throws `internal` if count or checksum of the pieces do not match. */
export async function unpackJournal(
  commit: JournalCommit,
  pieces: readonly Buffer[],
): Promise<readonly DurableWrite[]> {
  const packed = Buffer.concat(pieces);
  if (pieces.length !== commit.pieces || crc32(packed) !== commit.checksum) {
    throw new AppError(
      'internal',
      `consul journal ${commit.batch} is damaged; restore the store from a backup`,
    );
  }
  const json =
    packed.length < syncLimit ? inflateRawSync(packed) : await promisify(inflateRaw)(packed);
  const writes = decodeJson(json.toString(), journalWrites, `consul journal ${commit.batch}`);
  return writes.map((write) => ({ value: undefined, ...write }));
}
