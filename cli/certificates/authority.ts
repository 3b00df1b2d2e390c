import type { KeyPair } from '../../manager/common/pki/pki.js';
import type { MachineStore } from '../inventory/machine-store.js';
import type { StoredAuthority } from './authority-files.js';
import { createFiles, readStored, withAuthorityLock } from './authority-files.js';
import type { AskPassphrase } from './passphrase.js';
import { readPassphrase } from './passphrase.js';
import { isProtectedKey, unprotectKey } from './protected-key.js';
import { localUserName, renewUserCertificate, userCertificateState } from './user-client.js';

/** The user's CA, created on first use. */
export interface UserAuthority {
  readonly cert: string;
  /** CA certificates that machines trust: also the other one while the root CA is replaced. */
  readonly trust: string;
  /** The user's name in certificates. */
  readonly user: string;
  /**
   * The CA with its key, to sign. Asks for the passphrase of a protected key, once; throws `invalid`
   * if it is wrong.
   */
  readonly unlock: () => Promise<KeyPair>;
}

/** Decrypts the key on first use, and then renews the user's certificate if it expires soon. */
function lockedAuthority(
  store: MachineStore,
  stored: StoredAuthority,
  options: { readonly now: Date; readonly ask: AskPassphrase },
): UserAuthority {
  const { cert, key, trust } = stored;
  const open = async (): Promise<KeyPair> => {
    if (!isProtectedKey(key)) return { cert, key };
    const pair = { cert, key: unprotectKey(key, await options.ask()) };
    if ((await userCertificateState(store, options.now)) !== 'valid') {
      await withAuthorityLock(store, () => renewUserCertificate(store, pair, options.now));
    }
    return pair;
  };
  let opened: Promise<KeyPair> | undefined;
  const unlock = (): Promise<KeyPair> => {
    opened ??= open();
    return opened;
  };
  return { cert, trust, user: localUserName(), unlock };
}

/**
 * Loads the user's CA from the store, or creates it under a lock, once for concurrent processes.
 * Renews the user's client certificate in the last third of its lifetime; with a protected key only
 * if it has expired, or when the key is used anyway.
 */
export async function loadUserAuthority(
  store: MachineStore,
  now: Date,
  ask: AskPassphrase = () => readPassphrase('unlock'),
): Promise<UserAuthority> {
  const stored = (await readStored(store)) ?? (await createOnce(store, now));
  const authority = lockedAuthority(store, stored, { now, ask });
  const state = await userCertificateState(store, now);
  if (isProtectedKey(stored.key)) {
    if (state === 'expired') await authority.unlock();
  } else if (state !== 'valid') {
    await withAuthorityLock(store, async () => {
      if ((await userCertificateState(store, now)) !== 'valid')
        await renewUserCertificate(store, stored, now);
    });
  }
  return authority;
}

async function createOnce(store: MachineStore, now: Date): Promise<StoredAuthority> {
  return withAuthorityLock(
    store,
    async () => (await readStored(store)) ?? (await createFiles(store, now)),
  );
}
