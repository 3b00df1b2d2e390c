import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isFileNotFound } from '../../manager/common/base/files.js';
import type { KeyPair } from '../../manager/common/pki/pki.js';
import {
  createAuthority,
  createPrivateKey,
  userAuthorityUnit,
  validityFor,
} from '../../manager/common/pki/pki.js';
import { withFileLock } from '../inventory/file-lock.js';
import type { MachineStore } from '../inventory/machine-store.js';
import { writeFileAtomic } from '../inventory/machine-store.js';
import { authorityDays } from './lifetimes.js';
import { readRotation, trustedRoots } from './root-rotation.js';
import { localUserName, signUserCertificate } from './user-client.js';

/*
 * The user's CA and client certificate on disk.
 */

/** The CA as stored; the key may be encrypted. */
export interface StoredAuthority extends KeyPair {
  readonly trust: string;
}

/** Reads the CA; undefined if it is incomplete. */
export async function readStored(store: MachineStore): Promise<StoredAuthority | undefined> {
  const read = async (file: string): Promise<string> =>
    readFile(join(store.certsFolder, file), 'utf8');
  try {
    const [cert, key] = await Promise.all([
      read('ca.pem'),
      read('ca-key.pem'),
      read('cert.pem'),
      read('key.pem'),
    ]);
    const rotation = await readRotation(store);
    if (rotation === undefined) return { cert, key, trust: cert };
    const trust = trustedRoots(rotation);
    if (rotation.pass === 'trust') return { cert: rotation.old, key, trust };
    return { cert: rotation.next, key: rotation.nextKey, trust };
  } catch (error) {
    if (isFileNotFound(error)) return undefined;
    throw error;
  }
}

/** Signs the certificate of a root CA with its own key. */
export async function createRoot(key: string, now: Date): Promise<string> {
  const user = localUserName();
  const subject = {
    commonName: `shoal authority of ${user}`,
    organizationalUnit: userAuthorityUnit,
    organization: user,
  };
  return createAuthority({
    key,
    subject,
    validity: validityFor(now, authorityDays),
    pathLength: 1,
  });
}

/** Writes keys before certificates, so that an interrupted run is completed, not used. */
export async function createFiles(store: MachineStore, now: Date): Promise<StoredAuthority> {
  const write = async (file: string, text: string, mode: number): Promise<void> =>
    writeFileAtomic(join(store.certsFolder, file), text, mode);
  const [key, clientKey] = await Promise.all([createPrivateKey(), createPrivateKey()]);
  const cert = await createRoot(key, now);
  const client = await signUserCertificate({ cert, key }, clientKey, {
    organizationalUnit: 'client',
    now,
  });
  await write('ca-key.pem', key, 0o600);
  await write('key.pem', clientKey, 0o600);
  await write('cert.pem', client, 0o644);
  await write('ca.pem', cert, 0o644);
  return { cert, key, trust: cert };
}

/** Runs `body` while no other process changes the CA. The lock is not reentrant. */
export async function withAuthorityLock<T>(
  store: MachineStore,
  body: () => Promise<T>,
): Promise<T> {
  return withFileLock(join(store.certsFolder, 'lock'), body);
}
