import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KeyPair } from '../../manager/common/pki/pki.js';
import {
  clusterAuthoritySubject,
  createPrivateKey,
  createRequest,
  signNode,
  signRequest,
  validFor,
} from '../../manager/common/pki/pki.js';
import { clusterAuthorityDays, nodeCertificateDays } from '../certificates/authority.js';
import type { UserAuthority } from '../certificates/authority.js';
import { writeFileAtomic } from '../inventory/machine-store.js';
import type { LocalDaemon } from './layout.js';

export interface PairPaths {
  readonly cert: string;
  readonly key: string;
}

export function pairPaths(folder: string, name: LocalDaemon | 'intermediate'): PairPaths {
  return { cert: join(folder, `${name}.pem`), key: join(folder, `${name}-key.pem`) };
}

async function readPair(paths: PairPaths): Promise<KeyPair | undefined> {
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

/** Less than a third of its life left, or issued by another authority. */
function isOld(cert: string, issuer: string, now: Date): boolean {
  const leaf = new X509Certificate(cert);
  if (!leaf.verify(new X509Certificate(issuer).publicKey)) return true;
  const from = Date.parse(leaf.validFrom);
  const to = Date.parse(leaf.validTo);
  return to - now.getTime() < (to - from) / 3;
}

async function keep(
  paths: PairPaths,
  issuer: string,
  now: Date,
  make: (key: string) => Promise<string>,
): Promise<KeyPair> {
  const there = await readPair(paths);
  if (there !== undefined && !isOld(there.cert, issuer, now)) return there;
  const key = there?.key ?? (await createPrivateKey());
  // The key first: a certificate without its key would be used.
  await writeFileAtomic(paths.key, key, 0o600);
  const cert = await make(key);
  await writeFileAtomic(paths.cert, cert, 0o644);
  return { cert, key };
}

/**
 * The same two levels of trust as on machines: the user's authority signs one for the cluster, which
 * signs manager and worker. Makes what is missing or old.
 */
export async function localCertificates(
  folder: string,
  authority: UserAuthority,
  ids: { readonly clusterId: string; readonly nodeId: string },
  now: Date,
): Promise<void> {
  const intermediate = await keep(
    pairPaths(folder, 'intermediate'),
    authority.cert,
    now,
    async (key) =>
      signRequest(authority, {
        request: await createRequest(key, ids.clusterId),
        subject: clusterAuthoritySubject(ids.clusterId),
        alternativeNames: [],
        usage: 'cluster-authority',
        validity: validFor(now, clusterAuthorityDays),
      }),
  );
  for (const role of ['manager', 'worker'] as const) {
    await keep(pairPaths(folder, role), intermediate.cert, now, async (key) =>
      signNode(intermediate, {
        request: await createRequest(key, ids.nodeId),
        identity: { clusterId: ids.clusterId, role, nodeId: ids.nodeId },
        alternativeNames: ['127.0.0.1', 'localhost'],
        validity: validFor(now, nodeCertificateDays),
      }),
    );
  }
  await writeFileAtomic(join(folder, 'ca.pem'), authority.cert, 0o644);
}
