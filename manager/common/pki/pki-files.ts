import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError, messageOf } from '../base/errors.js';
import { isMissing, readIfThere } from '../base/files.js';
import type { KeyPair } from './pki.js';

/** Paths of PEM files. */
export interface PairPaths {
  readonly cert: string;
  readonly key: string;
}

/** Whether the first certificate of `cert` and the key belong together; false for what is no PEM. */
export function belongTogether(cert: string, key: string): boolean {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

/** Renames; somebody who found the replacement half done may have been faster. */
async function moveIntoPlace(fresh: string, path: string): Promise<void> {
  await rename(fresh, path).catch((error: unknown) => {
    if (!isMissing(error)) throw error;
  });
}

/**
 * Certificate and key, PEM. Completes a replacement that was cut off between its two renames. Throws
 * `invalid` when a file is missing or the two do not belong together.
 */
export async function readPair(paths: PairPaths): Promise<KeyPair> {
  const [cert, key] = await Promise.all([readOrFail(paths.cert), readOrFail(paths.key)]);
  if (belongTogether(cert, key)) return { cert, key };
  const fresh = `${paths.cert}.new`;
  const next = await readIfThere(fresh);
  if (next !== undefined && belongTogether(next, key)) {
    await moveIntoPlace(fresh, paths.cert);
    return { cert: next, key };
  }
  // Between the two reads the pair may have been replaced whole.
  const again = { cert: await readOrFail(paths.cert), key: await readOrFail(paths.key) };
  if (belongTogether(again.cert, again.key)) return again;
  throw new AppError(
    'invalid',
    `certificate ${paths.cert} does not belong to key ${paths.key}: provision the machine again`,
  );
}

async function readOrFail(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new AppError('invalid', `cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Replaces both so that after a crash at any moment `readPair` finds the old pair or the new one. The key
 * is readable by its owner only from its first byte.
 */
export async function replacePair(paths: PairPaths, pair: KeyPair): Promise<void> {
  await writeDurably(`${paths.key}.new`, pair.key, 0o600);
  await writeDurably(`${paths.cert}.new`, pair.cert, 0o644);
  await rename(`${paths.key}.new`, paths.key);
  await moveIntoPlace(`${paths.cert}.new`, paths.cert);
  await syncFolder(dirname(paths.cert));
}

/** Replaces one file whole; after a power cut it is the old or the new one. */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeDurably(`${path}.new`, text, mode);
  await rename(`${path}.new`, path);
  await syncFolder(dirname(path));
}

async function writeDurably(path: string, text: string, mode: number): Promise<void> {
  const file = await open(path, 'w', mode);
  try {
    // An older file of this name keeps its mode when it is opened.
    await file.chmod(mode);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
