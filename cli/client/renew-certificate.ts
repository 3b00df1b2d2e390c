import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isAppError, messageOf } from '../../manager/common/base/errors.js';
import { readKeyPair, replaceKeyPair } from '../../manager/common/pki/pki-files.js';
import { lifeLeft } from '../../manager/common/pki/pki-renewal.js';
import type { KeyPair } from '../../manager/common/pki/pki.js';
import { createPrivateKey, createRequest } from '../../manager/common/pki/pki.js';
import type { TlsMaterial } from '../../manager/common/protocol/transport-tls.js';
import type { ClusterContext } from '../inventory/context.js';
import { withFileLock } from '../inventory/file-lock.js';
import type { ControlClient } from './client.js';

export interface ClientRenewal {
  readonly nowMs: number;
  /** Prints one line. */
  readonly warn: (line: string) => void;
  readonly connect: (tls: TlsMaterial) => ControlClient;
}

/** Limit of each of the two calls; the command of the user waits for them. */
const callTimeoutMs = 10_000;

/** An expired certificate cannot authenticate its own renewal. */
function isRenewable(cert: string, nowMs: number): boolean {
  return lifeLeft(new X509Certificate(cert), nowMs) === 'expires soon';
}

/**
 * Renews the certificate of an imported cluster's client in the last third of its life. The new pair
 * replaces the old one once a manager has accepted it; until then the old one stays valid. Never
 * throws: a failure is a warning, and a renewal in another process is left to that process.
 */
export async function renewCertificate(
  context: ClusterContext,
  options: ClientRenewal,
): Promise<void> {
  const { client, certPath } = context;
  if (client === undefined) return;
  // Of two processes that renew at once, the one without the lock uses the old certificate.
  const state = { hasLock: false };
  try {
    if (!isRenewable(await readFile(certPath, 'utf8'), options.nowMs)) return;
    const lock = join(dirname(certPath), 'renewal.lock');
    await withFileLock(
      lock,
      async () => {
        state.hasLock = true;
        await renew(client, context, options);
      },
      0,
    );
  } catch (error) {
    if (!state.hasLock && isAppError(error) && error.kind === 'timeout') return;
    options.warn(
      `warning: certificate of client ${client}: not renewed: ${messageOf(error)}; if this lasts, ask an admin for "shoal client renew ${client}"`,
    );
  }
}

async function renew(
  client: string,
  { caPath, certPath, keyPath }: ClusterContext,
  { nowMs, connect }: ClientRenewal,
): Promise<void> {
  const paths = { cert: certPath, key: keyPath };
  const ca = await readFile(caPath, 'utf8');
  const old = await readKeyPair(paths);
  // Another process may have renewed it before this one got the lock.
  if (!isRenewable(old.cert, nowMs)) return;
  const key = await createPrivateKey();
  const request = await createRequest(key, client);
  const options = { timeoutMs: callTimeoutMs };
  const call = async <T>(pair: KeyPair, make: (to: ControlClient) => Promise<T>): Promise<T> => {
    const to = connect({ ca, ...pair });
    try {
      return await make(to);
    } finally {
      to.close();
    }
  };
  const { chain } = await call(old, (to) => to.call('client.renew-own', { request }, options));
  const fresh = { cert: chain, key };
  await call(fresh, (to) => to.call('info', {}, options));
  await replaceKeyPair(paths, fresh);
}
