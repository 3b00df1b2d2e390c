import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { connectTo, HttpsControlClient } from '../../../cli/client/client.js';
import { renewCertificate } from '../../../cli/client/renew-certificate.js';
import type { ClusterContext } from '../../../cli/inventory/context.js';
import { AppError } from '../../../manager/common/base/errors.js';
import { keyMatchesCertificate } from '../../../manager/common/pki/pki-files.js';
import { createPrivateKey, createRequest } from '../../../manager/common/pki/pki.js';
import { createManagerPki, TestManager } from '../../helpers/managers/test-manager.js';
import type { TestPki } from '../../helpers/pki/pki.js';
import { temporaryFolder, writeManager } from '../../helpers/pki/pki-folder.js';

const hourMs = 3_600_000;
let pki: TestPki;

test.before(async () => {
  pki = await createManagerPki();
});

interface World {
  readonly manager: TestManager;
  readonly context: ClusterContext;
  readonly read: () => Promise<readonly [cert: string, key: string]>;
}

/** A cluster that this computer imported as the client `ci`, whose certificate lives for an hour. */
async function imported(t: ExecutionContext): Promise<World> {
  const pkiPaths = await writeManager(await temporaryFolder(t), pki, 600_000);
  const manager = await TestManager.start(t, { pki, pkiPaths });
  const key = await createPrivateKey();
  const request = await createRequest(key, 'ci');
  const order = { name: 'ci', role: 'read', projects: [], lifetimeMs: hourMs, request } as const;
  const { chain } = await manager.call('client.create', order);
  const folder = await temporaryFolder(t);
  const [caPath, certPath, keyPath] = ['ca.pem', 'cert.pem', 'key.pem'].map((file) =>
    join(folder, file),
  ) as [string, string, string];
  await writeFile(caPath, pki.ca);
  await writeFile(certPath, chain);
  await writeFile(keyPath, key);
  const managers = [`https://127.0.0.1:${manager.port}`];
  const context = { name: 'c', id: 'c1', client: 'ci', managers, caPath, certPath, keyPath };
  const read = (): Promise<[string, string]> =>
    Promise.all([readFile(certPath, 'utf8'), readFile(keyPath, 'utf8')]);
  return { manager, context, read };
}

/** Runs a renewal when `leftMs` of the certificate's life are left; returns the warnings. */
async function renew(
  context: ClusterContext,
  leftMs: number,
  connect = (tls: ConstructorParameters<typeof HttpsControlClient>[1]) =>
    new HttpsControlClient(context, tls),
): Promise<readonly string[]> {
  const warnings: string[] = [];
  const nowMs = Date.now() + hourMs - leftMs;
  await renewCertificate(context, { nowMs, connect, warn: (line) => warnings.push(line) });
  return warnings;
}

test('a certificate is renewed in the last third of its life, with a new key', async (t) => {
  const { context, read } = await imported(t);
  const before = await read();
  t.deepEqual(await renew(context, hourMs), []);
  t.deepEqual(await read(), before);
  t.deepEqual(await renew(context, hourMs / 4), []);
  const [cert, key] = await read();
  t.not(cert, before[0]);
  t.not(key, before[1]);
  t.true(keyMatchesCertificate(cert, key));
  t.is((await stat(context.keyPath)).mode & 0o777, 0o600);
  const client = await connectTo(context);
  t.teardown(() => {
    client.close();
  });
  t.is((await client.call('info', {})).clusterId, 'c1');
});

test('of several processes one renews, and none fails', async (t) => {
  const { manager, context, read } = await imported(t);
  const warnings = await Promise.all([1, 2, 3].map(() => renew(context, hourMs / 4)));
  t.deepEqual(warnings, [[], [], []]);
  t.true(keyMatchesCertificate(...(await read())));
  const [client] = await manager.call('client.list', {});
  t.is(client?.serials.length, 2);
});

test('a failed renewal is a warning and keeps the certificate', async (t) => {
  const { manager, context, read } = await imported(t);
  const before = await read();
  let connections = 0;
  const refused = await renew(context, hourMs / 4, (tls) => {
    connections += 1;
    if (connections === 2) throw new AppError('forbidden', 'not accepted');
    return new HttpsControlClient(context, tls);
  });
  t.deepEqual(refused, [
    'warning: certificate of client ci: not renewed: not accepted; if this lasts, ask an admin for "shoal client renew ci"',
  ]);
  t.deepEqual(await read(), before);
  await manager.stop();
  t.regex((await renew(context, hourMs / 4)).join('\n'), /not renewed: manager of cluster c not/u);
  t.deepEqual(await read(), before);
});

test('a renewal that was interrupted between its two files is completed', async (t) => {
  const { context, read } = await imported(t);
  const [oldCert] = await read();
  await renew(context, hourMs / 4);
  const [cert, key] = await read();
  await writeFile(`${context.certPath}.new`, cert);
  await writeFile(context.certPath, oldCert);
  const client = await connectTo(context);
  t.teardown(() => {
    client.close();
  });
  t.is((await client.call('info', {})).clusterId, 'c1');
  t.deepEqual(await read(), [cert, key]);
});
