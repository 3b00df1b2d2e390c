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
import { withFileLock } from '../inventory/file-lock.js';
import type { MachineStore } from '../inventory/machine-store.js';
import { writeFileAtomic } from '../inventory/machine-store.js';

/** Validity of engine and client certificates, as in docker-machine. */
export const certificateDays = 1080;
/** Validity of worker and manager certificates, which renew themselves. */
export const nodeCertificateDays = 90;
const authorityDays = 3650;
export const clusterAuthorityDays = 1825;

/** The user's CA, created on first use. */
export interface UserAuthority extends KeyPair {
  /** The user's name in certificates. */
  readonly user: string;
}

async function readPair(store: MachineStore): Promise<UserAuthority | undefined> {
  const read = async (file: string): Promise<string> =>
    readFile(join(store.certsFolder, file), 'utf8');
  try {
    const [cert, key] = await Promise.all([
      read('ca.pem'),
      read('ca-key.pem'),
      read('cert.pem'),
      read('key.pem'),
    ]);
    return { cert, key, user: localUserName() };
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

/** Writes keys before certificates, so that an interrupted run is completed, not used. */
async function createFiles(store: MachineStore, now: Date): Promise<UserAuthority> {
  const user = localUserName();
  const write = async (file: string, text: string, mode: number): Promise<void> =>
    writeFileAtomic(join(store.certsFolder, file), text, mode);
  const [key, clientKey] = await Promise.all([createPrivateKey(), createPrivateKey()]);
  const subject = {
    commonName: `shoal authority of ${user}`,
    organizationalUnit: userAuthorityUnit,
    organization: user,
  };
  const validity = validityFor(now, authorityDays);
  const cert = await createAuthority({ key, subject, validity, pathLength: 1 });
  const client = await signClient({ cert, key }, { key: clientKey, user, now });
  await write('ca-key.pem', key, 0o600);
  await write('key.pem', clientKey, 0o600);
  await write('cert.pem', client, 0o644);
  await write('ca.pem', cert, 0o644);
  return { cert, key, user };
}

/** True if the user's client certificate is in the last third of its lifetime. */
async function needsRenewal(store: MachineStore, now: Date): Promise<boolean> {
  const { validFrom, validTo } = new X509Certificate(
    await readFile(join(store.certsFolder, 'cert.pem')),
  );
  const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
  return to - now.getTime() < (to - from) / 3;
}

/** Keeps the key: a concurrent reader would otherwise see a certificate that does not match it. */
async function renewClient(
  store: MachineStore,
  authority: UserAuthority,
  now: Date,
): Promise<void> {
  const key = await readFile(join(store.certsFolder, 'key.pem'), 'utf8');
  const cert = await signClient(authority, { key, user: authority.user, now });
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

/**
 * Loads the user's CA from the store, or creates it under a lock, once for concurrent processes.
 * Renews the user's client certificate in the last third of its lifetime.
 */
export async function loadUserAuthority(store: MachineStore, now: Date): Promise<UserAuthority> {
  const existing = await readPair(store);
  if (existing !== undefined && !(await needsRenewal(store, now))) return existing;
  return withFileLock(join(store.certsFolder, 'lock'), async () => {
    const pair = await readPair(store);
    if (pair === undefined) return createFiles(store, now);
    if (await needsRenewal(store, now)) await renewClient(store, pair, now);
    return pair;
  });
}
