import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { KeyPair } from '../../manager/common/pki/pki.js';
import {
  createAuthority,
  createPrivateKey,
  createRequest,
  signRequest,
  userAuthorityUnit,
  validityFor,
} from '../../manager/common/pki/pki.js';
import { AppError } from '../../manager/common/base/errors.js';
import { replaceFile } from '../../manager/common/pki/pki-files.js';
import { withFileLock } from '../inventory/file-lock.js';
import type { AskPassphrase } from './passphrase.js';
import { readPassphrase } from './passphrase.js';
import type { RootPass, RootRotation } from './root-rotation.js';
import { enterPass, finishRotation, readRotation, trustedRoots } from './root-rotation.js';
import { isProtectedKey, protectKey, unprotectKey } from './protected-key.js';
import type { MachineStore } from '../inventory/machine-store.js';
import { writeFileAtomic } from '../inventory/machine-store.js';

/** Validity of engine and client certificates, as in docker-machine. */
export const certificateDays = 1080;
/** Validity of worker and manager certificates, which renew themselves. */
export const nodeCertificateDays = 90;
const authorityDays = 3650;
export const clusterAuthorityDays = 1825;

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

/** The CA as stored; the key may be encrypted. */
interface StoredAuthority extends KeyPair {
  readonly trust: string;
}

async function readStored(store: MachineStore): Promise<StoredAuthority | undefined> {
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
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The user's name in certificates. */
export function localUserName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'user';
  }
}

async function createRoot(key: string, now: Date): Promise<string> {
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
async function createFiles(store: MachineStore, now: Date): Promise<StoredAuthority> {
  const user = localUserName();
  const write = async (file: string, text: string, mode: number): Promise<void> =>
    writeFileAtomic(join(store.certsFolder, file), text, mode);
  const [key, clientKey] = await Promise.all([createPrivateKey(), createPrivateKey()]);
  const cert = await createRoot(key, now);
  const client = await signClient({ cert, key }, { key: clientKey, user, now });
  await write('ca-key.pem', key, 0o600);
  await write('key.pem', clientKey, 0o600);
  await write('cert.pem', client, 0o644);
  await write('ca.pem', cert, 0o644);
  return { cert, key, trust: cert };
}

/** How much of its life the user's client certificate has left. */
async function clientState(
  store: MachineStore,
  now: Date,
): Promise<'valid' | 'expires soon' | 'expired'> {
  const { validFrom, validTo } = new X509Certificate(
    await readFile(join(store.certsFolder, 'cert.pem')),
  );
  const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
  const leftMs = to - now.getTime();
  if (leftMs <= 0) return 'expired';
  return leftMs < (to - from) / 3 ? 'expires soon' : 'valid';
}

/** Keeps the key: a concurrent reader would otherwise see a certificate that does not match it. */
async function renewClient(store: MachineStore, authority: KeyPair, now: Date): Promise<void> {
  const key = await readFile(join(store.certsFolder, 'key.pem'), 'utf8');
  const cert = await signClient(authority, { key, user: localUserName(), now });
  await writeFileAtomic(join(store.certsFolder, 'cert.pem'), cert, 0o644);
}

async function signClient(
  authority: KeyPair,
  { key, user, now }: { readonly key: string; readonly user: string; readonly now: Date },
): Promise<string> {
  return signRequest(authority, {
    request: await createRequest(key, user),
    subject: { commonName: user, organizationalUnit: 'client', organization: user },
    alternativeNames: [],
    usage: 'client',
    validity: validityFor(now, certificateDays),
  });
}

async function locked<T>(store: MachineStore, body: () => Promise<T>): Promise<T> {
  return withFileLock(join(store.certsFolder, 'lock'), body);
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
    if ((await clientState(store, options.now)) !== 'valid') {
      await locked(store, () => renewClient(store, pair, options.now));
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
  const state = await clientState(store, now);
  if (isProtectedKey(stored.key)) {
    if (state === 'expired') await authority.unlock();
  } else if (state !== 'valid') {
    await locked(store, async () => {
      if ((await clientState(store, now)) !== 'valid') await renewClient(store, stored, now);
    });
  }
  return authority;
}

async function createOnce(store: MachineStore, now: Date): Promise<StoredAuthority> {
  return locked(store, async () => (await readStored(store)) ?? (await createFiles(store, now)));
}

/** Changes the stored key. Throws `not-found` without a CA. */
async function changeKey(
  store: MachineStore,
  change: (key: string) => Promise<string>,
): Promise<void> {
  await locked(store, async () => {
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
  return locked(store, async () => {
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
  await locked(store, () => enterPass(store, entered));
  return entered;
}

/** Signs the user's certificate with the current root, if another one has signed it. */
export async function adoptRoot(
  store: MachineStore,
  authority: UserAuthority,
  now: Date,
): Promise<void> {
  const root = new X509Certificate(authority.cert).publicKey;
  const isAdopted = async (): Promise<boolean> =>
    new X509Certificate(await readFile(join(store.certsFolder, 'cert.pem'))).verify(root);
  if (await isAdopted()) return;
  // Outside the lock, which `unlock` takes to renew the user's certificate.
  const pair = await authority.unlock();
  await locked(store, async () => {
    if (!(await isAdopted())) await renewClient(store, pair, now);
  });
}

/** Ends the replacement: the old root's key is deleted. */
export async function endRootRotation(store: MachineStore, rotation: RootRotation): Promise<void> {
  await locked(store, () => finishRotation(store, rotation));
}
