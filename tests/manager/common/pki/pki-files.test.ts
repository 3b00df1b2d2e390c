import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { isAppError } from '../../../../manager/common/base/errors.js';
import type { CertificateKeyPaths } from '../../../../manager/common/pki/pki-files.js';
import { readKeyPair, replaceKeyPair } from '../../../../manager/common/pki/pki-files.js';
import type { KeyPair } from '../../../../manager/common/pki/pki.js';
import { createTestPki } from '../../../helpers/pki/pki.js';
import { temporaryFolder } from '../../../helpers/pki/pki-folder.js';

let first: KeyPair;
let second: KeyPair;

test.before(async () => {
  const pki = await createTestPki('c1');
  [first, second] = await Promise.all([pki.node('worker', 'w1'), pki.node('worker', 'w2')]);
});

async function withFirst(t: ExecutionContext): Promise<CertificateKeyPaths> {
  const folder = await temporaryFolder(t);
  const paths = { cert: join(folder, 'x.pem'), key: join(folder, 'x-key.pem') };
  await replaceKeyPair(paths, { cert: first.cert, key: first.key });
  return paths;
}

test('a pair is replaced completely, and its key has mode 0600', async (t) => {
  const paths = await withFirst(t);
  await replaceKeyPair(paths, { cert: second.cert, key: second.key });
  t.deepEqual(await readKeyPair(paths), { cert: second.cert, key: second.key });
  t.is((await stat(paths.key)).mode & 0o777, 0o600);
});

test('a replacement interrupted before its first rename leaves the old pair', async (t) => {
  const paths = await withFirst(t);
  await writeFile(`${paths.key}.new`, second.key);
  await writeFile(`${paths.cert}.new`, second.cert);
  t.is((await readKeyPair(paths)).cert, first.cert);
});

test('a replacement interrupted between its renames is completed by the next reader', async (t) => {
  const paths = await withFirst(t);
  await writeFile(paths.key, second.key);
  await writeFile(`${paths.cert}.new`, second.cert);
  t.is((await readKeyPair(paths)).cert, second.cert);
  t.is(await readFile(paths.cert, 'utf8'), second.cert);
});

test('a key that does not match the certificate is an error that names both files', async (t) => {
  const paths = await withFirst(t);
  await writeFile(paths.key, second.key);
  const error: unknown = await t.throwsAsync(readKeyPair(paths));
  t.true(isAppError(error) && error.kind === 'invalid');
  t.true((error as Error).message.includes(paths.cert));
  t.true((error as Error).message.includes(paths.key));
});
