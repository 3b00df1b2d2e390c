import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { CertificateKeyPaths } from '../../../manager/common/pki/pki-files.js';
import { replaceFile, replaceKeyPair } from '../../../manager/common/pki/pki-files.js';
import {
  createPrivateKey,
  createRequest,
  nodeSubject,
  signRequest,
} from '../../../manager/common/pki/pki.js';
import type { TestPki } from './pki.js';

/** A temporary folder, removed after the test. */
export async function temporaryFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export interface PkiPaths extends CertificateKeyPaths {
  readonly ca: string;
}

/**
 * Writes the certificate and key files of a manager or worker. The certificate is valid for another
 * `aliveMs`, less than a third of its life, so it is due for renewal. As in earlier versions, that
 * of a worker has names and may be used by a server.
 */
export async function writeNode(
  folder: string,
  pki: TestPki,
  node: { readonly role: 'manager' | 'worker'; readonly nodeId: string; readonly aliveMs: number },
): Promise<PkiPaths> {
  const { role, nodeId, aliveMs } = node;
  const paths = {
    ca: join(folder, 'ca.pem'),
    cert: join(folder, `${role}.pem`),
    key: join(folder, `${role}-key.pem`),
  };
  const key = await createPrivateKey();
  const now = Date.now();
  const leaf = await signRequest(pki.authority, {
    request: await createRequest(key, nodeId),
    subject: nodeSubject({ clusterId: 'c1', role, nodeId }),
    usage: 'peer',
    alternativeNames: ['127.0.0.1', 'localhost'],
    validity: { notBefore: new Date(now - 3 * aliveMs), notAfter: new Date(now + aliveMs) },
  });
  await replaceFile(paths.ca, pki.ca, 0o644);
  await replaceKeyPair(paths, { cert: leaf + pki.authority.cert, key });
  return paths;
}

/** As `writeNode` for a manager, plus the cluster's intermediate CA. */
export async function writeManager(
  folder: string,
  pki: TestPki,
  aliveMs: number,
): Promise<PkiPaths & { readonly intermediate: CertificateKeyPaths }> {
  const paths = await writeNode(folder, pki, { role: 'manager', nodeId: 'm1', aliveMs });
  const intermediate = {
    cert: join(folder, 'intermediate.pem'),
    key: join(folder, 'intermediate-key.pem'),
  };
  await replaceKeyPair(intermediate, pki.authority);
  return { ...paths, intermediate };
}
