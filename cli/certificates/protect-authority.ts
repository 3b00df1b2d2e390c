import { join } from 'node:path';
import { AppError } from '../../manager/common/base/errors.js';
import { replaceFile } from '../../manager/common/pki/pki-files.js';
import type { MachineStore } from '../inventory/machine-store.js';
import { readStored, withAuthorityLock } from './authority-files.js';
import type { AskPassphrase } from './passphrase.js';
import { isProtectedKey, protectKey, unprotectKey } from './protected-key.js';
import { readRotation } from './root-rotation.js';

/** Changes the stored key. Throws `not-found` without a CA. */
async function changeKey(
  store: MachineStore,
  change: (key: string) => Promise<string>,
): Promise<void> {
  await withAuthorityLock(store, async () => {
    const stored = await readStored(store);
    if ((await readRotation(store)) !== undefined) {
      throw new AppError(
        'conflict',
        'CA key: the root CA is being replaced; finish it with "shoal ca rotate --root" first',
      );
    }
    if (stored === undefined) {
      throw new AppError(
        'not-found',
        `no CA in ${store.certsFolder}; "shoal machine create" makes it`,
      );
    }
    await replaceFile(join(store.certsFolder, 'ca-key.pem'), await change(stored.key), 0o600);
  });
}

/** Encrypts the CA's key. Throws `conflict` if it is encrypted, `invalid` for a short passphrase. */
export async function protectAuthority(store: MachineStore, ask: AskPassphrase): Promise<void> {
  await changeKey(store, async (key) => {
    if (isProtectedKey(key)) {
      throw new AppError(
        'conflict',
        'CA key: has a passphrase already; to change it, run "shoal ca unprotect" first',
      );
    }
    const passphrase = await ask();
    const encrypted = await protectKey(key, passphrase);
    // The only copy of the key: it must be readable before it replaces the old one.
    if (unprotectKey(encrypted, passphrase) === key) return encrypted;
    throw new AppError('internal', 'CA key: the encrypted key differs; it is left as it was');
  });
}

/** Stores the CA's key unencrypted. Throws `conflict` if it is so, `invalid` if the passphrase is wrong. */
export async function unprotectAuthority(store: MachineStore, ask: AskPassphrase): Promise<void> {
  await changeKey(store, async (key) => {
    if (isProtectedKey(key)) return unprotectKey(key, await ask());
    throw new AppError('conflict', 'CA key: has no passphrase');
  });
}
