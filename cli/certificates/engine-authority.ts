import { X509Certificate } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeJson, nonEmptyString, object } from '../../manager/common/base/decode.js';
import { AppError } from '../../manager/common/base/errors.js';
import { isFileNotFound, readFileIfExists } from '../../manager/common/base/files.js';
import { readKeyPair, replaceKeyPair } from '../../manager/common/pki/pki-files.js';
import { certificateFingerprint } from '../../manager/common/pki/pki-peer.js';
import type { KeyPair } from '../../manager/common/pki/pki.js';
import { createAuthority, createPrivateKey, validityFor } from '../../manager/common/pki/pki.js';
import { withFileLock } from '../inventory/file-lock.js';
import type { MachineStore } from '../inventory/machine-store.js';
import { writeFileAtomic } from '../inventory/machine-store.js';
import { authorityDays } from './lifetimes.js';
import { localUserName, signUserCertificate } from './user-client.js';

/*
 * The CA that the engines of a cluster trust for clients of their port. It signs nothing but the
 * user's short-lived certificate, so replacing it invalidates every copy of such a certificate.
 */

/** Life of a client certificate for engines, ms. */
const clientLifeMs = 12 * 3_600_000;
/** Age at which the certificate is renewed, ms: whoever is given one can use it for 11 hours. */
const renewalAgeMs = 3_600_000;
const dayMs = 86_400_000;

/** The CA of a cluster's engines, or of all standalone machines. */
export interface EngineAuthority extends KeyPair {
  /** sha256 of the certificate, hex; machine records name the CA that the engine trusts by it. */
  readonly id: string;
}

const stored = object<KeyPair>({ cert: nonEmptyString, key: nonEmptyString });

function authorityPath(store: MachineStore, cluster: string): string {
  return join(store.engineFolder(cluster), 'authority.json');
}

function pathsOf(store: MachineStore, cluster: string): KeyPair {
  const folder = store.engineFolder(cluster);
  return { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
}

async function readAuthority(
  store: MachineStore,
  cluster: string,
): Promise<EngineAuthority | undefined> {
  const path = authorityPath(store, cluster);
  const text = await readFileIfExists(path);
  if (text === undefined) return undefined;
  const pair = decodeJson(text, stored, path, 'restore the file, or remove it');
  return { ...pair, id: certificateFingerprint(new X509Certificate(pair.cert).raw) };
}

/** Certificate and key are one file: a reader never sees a pair that does not match. */
async function createEngineAuthority(
  store: MachineStore,
  cluster: string,
  now: Date,
): Promise<EngineAuthority> {
  const key = await createPrivateKey();
  const subject = {
    commonName: `engines of ${cluster === '' ? 'standalone machines' : cluster}`,
    organizationalUnit: 'engine authority',
    organization: localUserName(),
  };
  const validity = validityFor(now, authorityDays);
  const cert = await createAuthority({ key, subject, validity, pathLength: 0 });
  const text = `${JSON.stringify({ cert, key })}\n`;
  await writeFileAtomic(authorityPath(store, cluster), text, 0o600);
  return { cert, key, id: certificateFingerprint(new X509Certificate(cert).raw) };
}

async function locked<T>(store: MachineStore, cluster: string, body: () => Promise<T>): Promise<T> {
  return withFileLock(join(store.engineFolder(cluster), 'lock'), body);
}

/** Loads the CA of a cluster's engines ('' for standalone machines), or creates it. */
export async function loadEngineAuthority(
  store: MachineStore,
  cluster: string,
  now: Date,
): Promise<EngineAuthority> {
  const existing = await readAuthority(store, cluster);
  if (existing !== undefined) return existing;
  return locked(
    store,
    cluster,
    async () =>
      (await readAuthority(store, cluster)) ?? (await createEngineAuthority(store, cluster, now)),
  );
}

/** Replaces the CA; machines accept certificates of the new one once they are given it. */
export async function replaceEngineAuthority(
  store: MachineStore,
  cluster: string,
  now: Date,
): Promise<EngineAuthority> {
  return locked(store, cluster, () => createEngineAuthority(store, cluster, now));
}

/** Deletes the CA and the certificate of a cluster that is gone. */
export async function deleteEngineAuthority(store: MachineStore, cluster: string): Promise<void> {
  await rm(store.engineFolder(cluster), { recursive: true, force: true });
}

/** The pair on disk if this CA signed it and it is young enough. */
async function usablePair(
  paths: KeyPair,
  authority: EngineAuthority,
  now: Date,
): Promise<{ readonly pair: KeyPair | undefined; readonly isFresh: boolean }> {
  const none = { pair: undefined, isFresh: false };
  if ((await readFileIfExists(paths.cert)) === undefined) return none;
  try {
    const pair = await readKeyPair(paths);
    const leaf = new X509Certificate(pair.cert);
    if (!leaf.verify(new X509Certificate(authority.cert).publicKey)) return none;
    const leftMs = Date.parse(leaf.validTo) - now.getTime();
    const isFresh = leftMs > clientLifeMs - renewalAgeMs && leftMs <= clientLifeMs;
    return { pair, isFresh };
  } catch (error) {
    const isDamaged = error instanceof AppError || isFileNotFound(error);
    if (isDamaged) return none;
    throw error;
  }
}

async function issue(
  paths: KeyPair,
  authority: EngineAuthority,
  key: string | undefined,
  now: Date,
): Promise<KeyPair> {
  const used = key ?? (await createPrivateKey());
  const cert = await signUserCertificate(authority, used, {
    organizationalUnit: 'engine client',
    now,
    days: clientLifeMs / dayMs,
  });
  const pair = { cert, key: used };
  // The key stays while the CA does: a concurrent reader of both files finds a matching pair.
  if (key === undefined) await replaceKeyPair(paths, pair);
  else await writeFileAtomic(paths.cert, cert, 0o644);
  return pair;
}

/**
 * The user's certificate for the engines of a cluster, valid for at least 11 hours; issues it or
 * renews it. Concurrent processes issue one.
 */
export async function issueEngineClient(
  store: MachineStore,
  cluster: string,
  now: Date,
): Promise<KeyPair> {
  const authority = await loadEngineAuthority(store, cluster, now);
  const paths = pathsOf(store, cluster);
  const seen = await usablePair(paths, authority, now);
  if (seen.pair !== undefined && seen.isFresh) return seen.pair;
  return locked(store, cluster, async () => {
    const current = (await readAuthority(store, cluster)) ?? authority;
    const { pair, isFresh } = await usablePair(paths, current, now);
    if (pair !== undefined && isFresh) return pair;
    return issue(paths, current, pair?.key, now);
  });
}
