import { X509Certificate } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../../manager/common/pki/pki-files.js';
import { createPrivateKey } from '../../manager/common/pki/pki.js';
import type { MachineStore } from '../inventory/machine-store.js';
import { createRoot, withAuthorityLock } from './authority-files.js';
import type { UserAuthority } from './authority.js';
import { loadUserAuthority } from './authority.js';
import type { AskPassphrase } from './passphrase.js';
import { isProtectedKey, protectKey, unprotectKey } from './protected-key.js';
import type { RootPass, RootRotation } from './root-rotation.js';
import { readRotation, rotationPath, trustedRoots } from './root-rotation.js';
import { readUserCertificate, renewUserCertificate } from './user-client.js';

/**
 * Begins to replace the root CA, or returns the replacement in progress. The next key gets the
 * passphrase of the old one.
 */
export async function beginRootRotation(
  store: MachineStore,
  now: Date,
  ask: AskPassphrase,
): Promise<RootRotation> {
  await loadUserAuthority(store, now, ask);
  return withAuthorityLock(store, async () => {
    const current = await readRotation(store);
    if (current !== undefined) return current;
    const [old, oldKey] = await Promise.all([
      readFile(join(store.certsFolder, 'ca.pem'), 'utf8'),
      readFile(join(store.certsFolder, 'ca-key.pem'), 'utf8'),
    ]);
    const key = await createPrivateKey();
    const rotation: RootRotation = {
      pass: 'trust',
      old,
      next: await createRoot(key, now),
      nextKey: isProtectedKey(oldKey) ? await protectLike(oldKey, key, ask) : key,
    };
    await enterPass(store, rotation);
    return rotation;
  });
}

async function protectLike(oldKey: string, key: string, ask: AskPassphrase): Promise<string> {
  const passphrase = await ask();
  unprotectKey(oldKey, passphrase);
  return protectKey(key, passphrase);
}

/** Enters a pass of the replacement. */
export async function enterRootPass(
  store: MachineStore,
  rotation: RootRotation,
  pass: RootPass,
): Promise<RootRotation> {
  const entered = { ...rotation, pass };
  await withAuthorityLock(store, () => enterPass(store, entered));
  return entered;
}

/** Signs the user's certificate with the current root, if another one has signed it. */
export async function adoptRoot(
  store: MachineStore,
  authority: UserAuthority,
  now: Date,
): Promise<void> {
  const root = new X509Certificate(authority.cert).publicKey;
  const isAdopted = async (): Promise<boolean> => (await readUserCertificate(store)).verify(root);
  if (await isAdopted()) return;
  // Outside the lock, which `unlock` takes to renew the user's certificate.
  const pair = await authority.unlock();
  await withAuthorityLock(store, async () => {
    if (!(await isAdopted())) await renewUserCertificate(store, pair, now);
  });
}

/** Ends the replacement: the old root's key is deleted. */
export async function endRootRotation(store: MachineStore, rotation: RootRotation): Promise<void> {
  await withAuthorityLock(store, () => finishRotation(store, rotation));
}

/** Enters a pass: from now on this computer signs and trusts as the pass requires. */
async function enterPass(store: MachineStore, rotation: RootRotation): Promise<void> {
  await replaceFile(rotationPath(store), `${JSON.stringify(rotation)}\n`, 0o600);
  await replaceFile(join(store.certsFolder, 'ca.pem'), trustedRoots(rotation), 0o644);
}

/** Ends the rotation: the next root is the root. */
async function finishRotation(store: MachineStore, rotation: RootRotation): Promise<void> {
  await replaceFile(join(store.certsFolder, 'ca-key.pem'), rotation.nextKey, 0o600);
  await replaceFile(join(store.certsFolder, 'ca.pem'), rotation.next, 0o644);
  await rm(rotationPath(store));
}
