import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { certificateDays, loadUserAuthority } from '../../../cli/certificates/authority.js';
import { MachineStore } from '../../../cli/inventory/machine-store.js';
import { keyMatchesCertificate } from '../../../manager/common/pki/pki-files.js';
import { temporaryFolder } from '../../helpers/pki/pki-folder.js';

test("the user's client certificate is renewed before it expires, and the CA is kept", async (t) => {
  const store = new MachineStore(await temporaryFolder(t));
  const read = (file: string): Promise<string> => readFile(join(store.certsFolder, file), 'utf8');
  const start = new Date('2026-01-01T00:00:00Z');
  const after = (days: number): Date => new Date(start.getTime() + days * 86_400_000);
  const authority = await loadUserAuthority(store, start);
  const first = await read('cert.pem');
  await loadUserAuthority(store, after(certificateDays / 2));
  t.is(await read('cert.pem'), first);
  const again = await loadUserAuthority(store, after(certificateDays * 0.9));
  t.is(again.cert, authority.cert);
  const next = await read('cert.pem');
  t.not(next, first);
  t.true(Date.parse(new X509Certificate(next).validTo) > after(certificateDays * 1.8).getTime());
  t.true(keyMatchesCertificate(next, await read('key.pem')));
  t.true(new X509Certificate(next).verify(new X509Certificate(authority.cert).publicKey));
});
