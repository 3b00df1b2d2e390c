import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { loadUserAuthority } from '../../../cli/certificates/authority.js';
import { certificateDays } from '../../../cli/certificates/lifetimes.js';
import { protectAuthority } from '../../../cli/certificates/protect-authority.js';
import {
  adoptRoot,
  beginRootRotation,
  endRootRotation,
  enterRootPass,
} from '../../../cli/certificates/replace-root.js';
import { isProtectedKey } from '../../../cli/certificates/protected-key.js';
import { readRotation } from '../../../cli/certificates/root-rotation.js';
import { MachineStore } from '../../../cli/inventory/machine-store.js';
import { keyMatchesCertificate } from '../../../manager/common/pki/pki-files.js';
import { certificatesOf } from '../../../manager/common/pki/pki-peer.js';
import { temporaryFolder } from '../../helpers/pki/pki-folder.js';

const now = new Date('2026-01-01T00:00:00Z');
const ask = (): Promise<string> => Promise.resolve('correct horse');

async function aStore(t: ExecutionContext): Promise<MachineStore> {
  return new MachineStore(await temporaryFolder(t));
}

const fileOf = (store: MachineStore, file: string): Promise<string> =>
  readFile(join(store.certsFolder, file), 'utf8');

/** Signer, trusted roots and the signer of the user's certificate: `old` or `next`. */
async function seen(store: MachineStore, old: string): Promise<string> {
  const { cert, trust, unlock } = await loadUserAuthority(store, now, ask);
  const { key } = await unlock();
  const name = (root: string | undefined): string => (root === old ? 'old' : 'next');
  const client = new X509Certificate(await fileOf(store, 'cert.pem'));
  const roots = certificatesOf(await fileOf(store, 'ca.pem')).map((root) =>
    name(root.raw.equals(new X509Certificate(old).raw) ? old : undefined),
  );
  const signer = client.verify(new X509Certificate(old).publicKey) ? 'old' : 'next';
  const isPair = keyMatchesCertificate(cert, key) && trust === (await fileOf(store, 'ca.pem'));
  return `${name(cert)}, trusts ${roots.join('+')}, client of ${signer}${isPair ? '' : ', broken'}`;
}

test('each pass changes one thing, and the user trusts what machines present', async (t) => {
  const store = await aStore(t);
  const { cert: old } = await loadUserAuthority(store, now);
  const passes: string[] = [await seen(store, old)];
  let rotation = await beginRootRotation(store, now, ask);
  for (const pass of ['trust', 'certificates', 'own'] as const) {
    rotation = await enterRootPass(store, rotation, pass);
    await adoptRoot(store, await loadUserAuthority(store, now), now);
    passes.push(await seen(store, old));
  }
  await endRootRotation(store, rotation);
  passes.push(await seen(store, old));
  t.deepEqual(passes, [
    'old, trusts old, client of old',
    'old, trusts old+next, client of old',
    'next, trusts next+old, client of next',
    'next, trusts next, client of next',
    'next, trusts next, client of next',
  ]);
  t.is(await readRotation(store), undefined);
  t.is((await stat(join(store.certsFolder, 'ca-key.pem'))).mode & 0o777, 0o600);
});

test('an interrupted rotation resumes at its pass with the same next root', async (t) => {
  const store = await aStore(t);
  await loadUserAuthority(store, now);
  const begun = await beginRootRotation(store, now, ask);
  await enterRootPass(store, begun, 'certificates');
  const resumed = await beginRootRotation(new MachineStore(store.home), now, ask);
  t.deepEqual(resumed, { ...begun, pass: 'certificates' });
});

test('the next key of a protected root is protected with the same passphrase', async (t) => {
  const store = await aStore(t);
  const { cert: old } = await loadUserAuthority(store, now);
  await protectAuthority(store, ask);
  const wrong = (): Promise<string> => Promise.resolve('wrong horse');
  await t.throwsAsync(beginRootRotation(store, now, wrong), { message: /wrong passphrase/u });
  const rotation = await beginRootRotation(store, now, ask);
  t.true(isProtectedKey(rotation.nextKey));
  await t.throwsAsync(protectAuthority(store, ask), { message: /is being replaced/u });
  await endRootRotation(store, rotation);
  t.true(isProtectedKey(await fileOf(store, 'ca-key.pem')));
  t.is(await seen(store, old), 'next, trusts next, client of old');
});

test("a protected root signs the user's certificate when that one expires soon, too", async (t) => {
  const store = await aStore(t);
  const { cert: old } = await loadUserAuthority(store, now);
  await protectAuthority(store, ask);
  const late = new Date(now.getTime() + certificateDays * 0.9 * 86_400_000);
  await enterRootPass(store, await beginRootRotation(store, late, ask), 'certificates');
  await adoptRoot(store, await loadUserAuthority(store, late, ask), late);
  t.is(await seen(store, old), 'next, trusts next+old, client of next');
});
