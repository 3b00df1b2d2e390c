import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { lifeLeft } from '../../manager/common/pki/pki-renewal.js';
import type { KeyPair } from '../../manager/common/pki/pki.js';
import { createRequest, signRequest, validityFor } from '../../manager/common/pki/pki.js';
import type { MachineStore } from '../inventory/machine-store.js';
import { writeFileAtomic } from '../inventory/machine-store.js';
import { certificateDays } from './lifetimes.js';

/*
 * The user's client certificate, which managers accept.
 */

/** The user's name in certificates. */
export function localUserName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'user';
  }
}

/** Signs a certificate for the user's key: for managers, or for the engines of a cluster. */
export async function signUserCertificate(
  authority: KeyPair,
  key: string,
  how: {
    readonly organizationalUnit: 'client' | 'engine client';
    readonly now: Date;
    readonly days?: number;
  },
): Promise<string> {
  const { organizationalUnit, now, days = certificateDays } = how;
  const user = localUserName();
  return signRequest(authority, {
    request: await createRequest(key, user),
    subject: { commonName: user, organizationalUnit, organization: user },
    alternativeNames: [],
    usage: 'client',
    validity: validityFor(now, days),
  });
}

export async function readUserCertificate(store: MachineStore): Promise<X509Certificate> {
  return new X509Certificate(await readFile(join(store.certsFolder, 'cert.pem')));
}

/** How much of its life the user's certificate has left. */
export async function userCertificateState(
  store: MachineStore,
  now: Date,
): Promise<ReturnType<typeof lifeLeft>> {
  return lifeLeft(await readUserCertificate(store), now.getTime());
}

/** Keeps the key: a concurrent reader would otherwise see a certificate that does not match it. */
export async function renewUserCertificate(
  store: MachineStore,
  authority: KeyPair,
  now: Date,
): Promise<void> {
  const key = await readFile(join(store.certsFolder, 'key.pem'), 'utf8');
  const cert = await signUserCertificate(authority, key, { organizationalUnit: 'client', now });
  await writeFileAtomic(join(store.certsFolder, 'cert.pem'), cert, 0o644);
}
