import { X509Certificate } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import {
  issueEngineClient,
  loadEngineAuthority,
  replaceEngineAuthority,
} from '../../../cli/certificates/engine-authority.js';
import { MachineStore } from '../../../cli/inventory/machine-store.js';
import { keyMatchesCertificate } from '../../../manager/common/pki/pki-files.js';
import { temporaryFolder } from '../../helpers/pki/pki-folder.js';

const start = new Date('2026-01-01T00:00:00Z');
const afterHours = (hours: number): Date => new Date(start.getTime() + hours * 3_600_000);

test('a certificate for engines lives for hours and is renewed before it expires', async (t) => {
  const store = new MachineStore(await temporaryFolder(t));
  const { cert: ca } = await loadEngineAuthority(store, 'prod', start);
  const first = await issueEngineClient(store, 'prod', start);
  const leaf = new X509Certificate(first.cert);
  t.true(leaf.verify(new X509Certificate(ca).publicKey));
  t.is(Date.parse(leaf.validTo), afterHours(12).getTime());
  t.is((await issueEngineClient(store, 'prod', afterHours(0.9))).cert, first.cert);
  const next = await issueEngineClient(store, 'prod', afterHours(1.1));
  t.true(Date.parse(new X509Certificate(next.cert).validTo) > afterHours(13).getTime());
  t.is(next.key, first.key);
  t.true(keyMatchesCertificate(next.cert, next.key));
  for (const file of ['authority.json', 'key.pem']) {
    t.is((await stat(join(store.engineFolder('prod'), file))).mode & 0o777, 0o600);
  }
});

test('a certificate from the future, as after a clock change, is replaced', async (t) => {
  const store = new MachineStore(await temporaryFolder(t));
  await issueEngineClient(store, 'prod', afterHours(48));
  const { cert } = await issueEngineClient(store, 'prod', start);
  t.is(Date.parse(new X509Certificate(cert).validTo), afterHours(12).getTime());
});

test('replacing the CA replaces certificate and key', async (t) => {
  const store = new MachineStore(await temporaryFolder(t));
  const before = await issueEngineClient(store, 'prod', start);
  const { cert: ca } = await replaceEngineAuthority(store, 'prod', start);
  const after = await issueEngineClient(store, 'prod', start);
  const issuer = new X509Certificate(ca).publicKey;
  t.true(new X509Certificate(after.cert).verify(issuer));
  t.false(new X509Certificate(before.cert).verify(issuer));
  t.not(after.key, before.key);
});

test('each cluster has its own CA, and so have standalone machines', async (t) => {
  const store = new MachineStore(await temporaryFolder(t));
  const names = ['prod', 'test', '', 'prod'];
  const ids: string[] = [];
  for (const name of names) ids.push((await loadEngineAuthority(store, name, start)).id);
  t.is(new Set(ids).size, 3);
  t.is(ids[0], ids[3]);
});

test('concurrent processes issue one certificate', async (t) => {
  const home = await temporaryFolder(t);
  const pairs = await Promise.all(
    Array.from({ length: 5 }, () => issueEngineClient(new MachineStore(home), 'prod', start)),
  );
  t.is(new Set(pairs.map(({ cert }) => cert)).size, 1);
});

test('a damaged certificate is issued again', async (t) => {
  const store = new MachineStore(await temporaryFolder(t));
  await issueEngineClient(store, 'prod', start);
  await writeFile(join(store.engineFolder('prod'), 'cert.pem'), 'half');
  const { cert, key } = await issueEngineClient(store, 'prod', start);
  t.true(keyMatchesCertificate(cert, key));
  t.is(await readFile(join(store.engineFolder('prod'), 'cert.pem'), 'utf8'), cert);
});
