import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError, messageOf } from '../base/errors.js';
import { isFileNotFound, readFileIfExists } from '../base/files.js';
import type { KeyPair } from './pki.js';

/** Paths of PEM files. */
export interface CertificateKeyPaths {
  readonly cert: string;
  readonly key: string;
}

/** True if the key matches the first certificate in `cert`; false for invalid PEM. */
export function keyMatchesCertificate(cert: string, key: string): boolean {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

/**
 * Renames a file. It may be missing: a concurrent `readPair` may have completed the replacement.
 */
async function moveIntoPlace(fresh: string, path: string): Promise<void> {
  await rename(fresh, path).catch((error: unknown) => {
    if (!isFileNotFound(error)) throw error;
  });
}

/**
 * Reads certificate and key (PEM). Completes a replacement that was interrupted between its two
 * renames. Rejects with `invalid` if a file is missing or the key does not match.
 */
export async function readKeyPair(paths: CertificateKeyPaths): Promise<KeyPair> {
  const [cert, key] = await Promise.all([readOrFail(paths.cert), readOrFail(paths.key)]);
  if (keyMatchesCertificate(cert, key)) return { cert, key };
  const fresh = `${paths.cert}.new`;
  const next = await readFileIfExists(fresh);
  if (next !== undefined && keyMatchesCertificate(next, key)) {
    await moveIntoPlace(fresh, paths.cert);
    return { cert: next, key };
  }
  // The pair may have been replaced between the two reads.
  const retried = { cert: await readOrFail(paths.cert), key: await readOrFail(paths.key) };
  if (keyMatchesCertificate(retried.cert, retried.key)) return retried;
  throw new AppError(
    'invalid',
    `certificate ${paths.cert}: does not match key ${paths.key}; provision the machine again`,
  );
}

async function readOrFail(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new AppError('invalid', `${path}: cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Replaces both files so that after a crash at any point `readPair` finds the old or the new pair.
 * The key file is created with mode 0600.
 */
export async function replaceKeyPair(paths: CertificateKeyPaths, pair: KeyPair): Promise<void> {
  await writeDurably(`${paths.key}.new`, pair.key, 0o600);
  await writeDurably(`${paths.cert}.new`, pair.cert, 0o644);
  await rename(`${paths.key}.new`, paths.key);
  await moveIntoPlace(`${paths.cert}.new`, paths.cert);
  await syncFolder(dirname(paths.cert));
}

/** Replaces a file atomically: after a crash it has the old or the new content. */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeDurably(`${path}.new`, text, mode);
  await rename(`${path}.new`, path);
  await syncFolder(dirname(path));
}

/**
 * Replaces a leftover instead of opening it: the folder is shared with another user, who could have
 * placed a link or a file that it can read.
 */
async function writeDurably(path: string, text: string, mode: number): Promise<void> {
  await rm(path, { force: true });
  const file = await open(path, 'wx', mode);
  try {
    // Independent of the umask.
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
