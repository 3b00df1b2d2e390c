import { open } from 'node:fs/promises';
import { AppError } from '../../base/errors.js';

/*
 * Layout of the first two pages (lmdb-js 3.x, data version 2): a 24-byte page header, then MDB_meta:
 * magic and version (4 + 4), address (8), map size (8), two MDB_db of 48 bytes (the first one's first
 * word is the page size), last page (8), transaction (8). The higher transaction of the two counts.
 */
const metaAt = 24;
const magic = 0xbe_ef_c0_de;
const lastPageAt = metaAt + 120;
const transactionAt = metaAt + 128;
const pageSizeAt = metaAt + 24;
const headBytes = 160;

interface Meta {
  readonly pageSize: number;
  readonly lastPage: number;
  readonly transaction: bigint;
}

function readMeta(page: Buffer): Meta | undefined {
  if (page.length < headBytes || page.readUInt32LE(metaAt) !== magic) return undefined;
  return {
    pageSize: page.readUInt32LE(pageSizeAt),
    lastPage: Number(page.readBigUInt64LE(lastPageAt)),
    transaction: page.readBigUInt64LE(transactionAt),
  };
}

/**
 * Looks at a store's file before it is mapped into memory: whether it is shorter than its header says. It
 * may still be sound then (pages that were taken and given back in one transaction are never written), but
 * may also have lost its end. Throws `internal` for a file that is no store; a missing one is fine.
 */
export async function isShort(path: string): Promise<boolean> {
  const file = await open(path, 'r').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return false;
  try {
    const { size } = await file.stat();
    if (size === 0) return false;
    const first = Buffer.alloc(headBytes);
    await file.read(first, 0, headBytes, 0);
    const one = readMeta(first);
    if (one === undefined) throw notAStore(path);
    const second = Buffer.alloc(headBytes);
    await file.read(second, 0, headBytes, one.pageSize);
    const two = readMeta(second);
    if (two === undefined) throw notAStore(path);
    const newest = two.transaction > one.transaction ? two : one;
    return size < (newest.lastPage + 1) * newest.pageSize;
  } finally {
    await file.close();
  }
}

function notAStore(path: string): AppError {
  return new AppError('internal', `${path} is not a store, or its beginning is damaged`);
}
