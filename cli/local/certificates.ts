import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lifeLeft } from '../../manager/common/pki/pki-renewal.js';
import type { KeyPair } from '../../manager/common/pki/pki.js';
import {
  clusterAuthoritySubject,
  createPrivateKey,
  createRequest,
  signNode,
  signRequest,
  validityFor,
} from '../../manager/common/pki/pki.js';
import type { UserAuthority } from '../certificates/authority.js';
import { clusterAuthorityDays, nodeCertificateDays } from '../certificates/lifetimes.js';
import { writeFileAtomic } from '../inventory/machine-store.js';
import type { LocalDaemon } from './layout.js';

export interface KeyPairPaths {
  readonly cert: string;
  readonly key: string;
}

export function keyPairPaths(folder: string, name: LocalDaemon | 'intermediate'): KeyPairPaths {
  return { cert: join(folder, `${name}.pem`), key: join(folder, `${name}-key.pem`) };
}

async function readPair(paths: KeyPairPaths): Promise<KeyPair | undefined> {
  try {
    const [cert, key] = await Promise.all([
      readFile(paths.cert, 'utf8'),
      readFile(paths.key, 'utf8'),
    ]);
    return { cert, key };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * True if less than a third of the certificate's lifetime is left, or another authority issued it.
 */
function isStale(cert: string, issuer: string, now: Date): boolean {
  const leaf = new X509Certificate(cert);
  if (!leaf.verify(new X509Certificate(issuer).publicKey)) return true;
  return lifeLeft(leaf, now.getTime()) !== 'valid';
}

/**
 * Returns the pair on disk, or issues a new certificate if it is missing or stale; keeps the key.
 */
async function ensurePair(
  paths: KeyPairPaths,
  issuer: string,
  now: Date,
  make: (key: string) => Promise<string>,
): Promise<KeyPair> {
  const existing = await readPair(paths);
  if (existing !== undefined && !isStale(existing.cert, issuer, now)) return existing;
  const key = existing?.key ?? (await createPrivateKey());
  // Write the key first, so that a crash never leaves a new certificate without its key.
  await writeFileAtomic(paths.key, key, 0o600);
  const cert = await make(key);
  await writeFileAtomic(paths.cert, cert, 0o644);
  return { cert, key };
}

/**
 * Issues missing and stale certificates. Same hierarchy as on machines: the user's CA signs the
 * cluster's intermediate, which signs the certificates of manager and worker.
 */
export async function localCertificates(
  folder: string,
  authority: UserAuthority,
  ids: { readonly clusterId: string; readonly nodeId: string },
  now: Date,
): Promise<void> {
  const intermediate = await ensurePair(
    keyPairPaths(folder, 'intermediate'),
    authority.cert,
    now,
    async (key) =>
      signRequest(await authority.unlock(), {
        request: await createRequest(key, ids.clusterId),
        subject: clusterAuthoritySubject(ids.clusterId),
        alternativeNames: [],
        usage: 'cluster-authority',
        validity: validityFor(now, clusterAuthorityDays),
      }),
  );
  for (const role of ['manager', 'worker'] as const) {
    await ensurePair(keyPairPaths(folder, role), intermediate.cert, now, async (key) =>
      signNode(intermediate, {
        request: await createRequest(key, ids.nodeId),
        identity: { clusterId: ids.clusterId, role, nodeId: ids.nodeId },
        alternativeNames: ['127.0.0.1', 'localhost'],
        validity: validityFor(now, nodeCertificateDays),
      }),
    );
  }
  await writeFileAtomic(join(folder, 'ca.pem'), authority.trust, 0o644);
}
