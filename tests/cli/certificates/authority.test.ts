import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { loadUserAuthority } from '../../../cli/certificates/authority.js';
import { certificateDays } from '../../../cli/certificates/lifetimes.js';
import {
  protectAuthority,
  unprotectAuthority,
} from '../../../cli/certificates/protect-authority.js';
import { isProtectedKey } from '../../../cli/certificates/protected-key.js';
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

test('a protected CA key is opened only to sign, once, and with the right passphrase', async (t) => {
  const store = new MachineStore(await temporaryFolder(t));
  const path = join(store.certsFolder, 'ca-key.pem');
  const start = new Date('2026-01-01T00:00:00Z');
  const answer = (text: string) => () => Promise.resolve(text);
  await t.throwsAsync(protectAuthority(store, answer('correct horse')), { message: /no CA in/u });
  const plain = await (await loadUserAuthority(store, start)).unlock();
  await protectAuthority(store, answer('correct horse'));
  t.true(isProtectedKey(await readFile(path, 'utf8')));
  t.is((await stat(path)).mode & 0o777, 0o600);
  let asked = 0;
  const authority = await loadUserAuthority(store, start, () => {
    asked += 1;
    return Promise.resolve('correct horse');
  });
  t.is(asked, 0);
  t.deepEqual(await Promise.all([authority.unlock(), authority.unlock()]), [plain, plain]);
  t.is(asked, 1);
  const wrong = await loadUserAuthority(store, start, answer('wrong horse'));
  await t.throwsAsync(wrong.unlock(), { message: /wrong passphrase/u });
  await t.throwsAsync(protectAuthority(store, answer('x')), {
    message: /has a passphrase already/u,
  });
  await unprotectAuthority(store, answer('correct horse'));
  t.is(await readFile(path, 'utf8'), plain.key);
  await t.throwsAsync(unprotectAuthority(store, answer('x')), { message: /has no passphrase/u });
});

test("with a protected key the user's certificate is renewed when the key is used", async (t) => {
  const store = new MachineStore(await temporaryFolder(t));
  const start = new Date('2026-01-01T00:00:00Z');
  const after = (days: number): Date => new Date(start.getTime() + days * 86_400_000);
  const read = (): Promise<string> => readFile(join(store.certsFolder, 'cert.pem'), 'utf8');
  await loadUserAuthority(store, start);
  const ask = (): Promise<string> => Promise.resolve('correct horse');
  await protectAuthority(store, ask);
  const first = await read();
  const authority = await loadUserAuthority(store, after(certificateDays * 0.9), ask);
  t.is(await read(), first);
  await authority.unlock();
  const second = await read();
  t.not(second, first);
  await loadUserAuthority(store, after(certificateDays * 3), ask);
  t.not(await read(), second);
});
