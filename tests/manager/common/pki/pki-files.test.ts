import { chmod, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { isAppError } from '../../../../manager/common/base/errors.js';
import type { CertificateKeyPaths } from '../../../../manager/common/pki/pki-files.js';
import {
  keyMatchesCertificate,
  readKeyPair,
  replaceFile,
  replaceKeyPair,
} from '../../../../manager/common/pki/pki-files.js';
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

test('a link in the place of an unfinished replacement is replaced, not followed', async (t) => {
  const paths = await withFirst(t);
  const victim = join(await temporaryFolder(t), 'victim');
  await writeFile(victim, 'unchanged');
  await symlink(victim, `${paths.key}.new`);
  await symlink(victim, `${paths.cert}.new`);
  await replaceKeyPair(paths, { cert: second.cert, key: second.key });
  t.is(await readFile(victim, 'utf8'), 'unchanged');
  t.is(await readFile(paths.key, 'utf8'), second.key);
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

test('a file left over with another mode does not open the key to others', async (t) => {
  const paths = await withFirst(t);
  for (const name of [`${paths.key}.new`, `${paths.cert}.new`]) {
    await writeFile(name, 'rest');
    await chmod(name, 0o666);
  }
  await replaceKeyPair(paths, { cert: second.cert, key: second.key });
  t.is((await stat(paths.key)).mode & 0o777, 0o600);
  t.is((await stat(paths.cert)).mode & 0o777, 0o644);
  t.deepEqual((await readdir(join(paths.key, '..'))).sort(), ['x-key.pem', 'x.pem']);
});

test('a file is written to a folder of its own, and nothing is left beside it', async (t) => {
  const folder = join(await temporaryFolder(t), 'new');
  await replaceFile(join(folder, 'file'), 'one', 0o600);
  await replaceFile(join(folder, 'file'), 'two', 0o640);
  t.is(await readFile(join(folder, 'file'), 'utf8'), 'two');
  t.is((await stat(join(folder, 'file'))).mode & 0o777, 0o640);
  t.is((await stat(folder)).mode & 0o777, 0o700);
  t.deepEqual(await readdir(folder), ['file']);
});

test('a key matches only its certificate, and damaged text matches nothing', (t) => {
  t.true(keyMatchesCertificate(first.cert, first.key));
  t.false(keyMatchesCertificate(first.cert, second.key));
  t.false(keyMatchesCertificate('', first.key));
  t.false(keyMatchesCertificate(first.cert, ''));
});

test('a missing file is an error that names it', async (t) => {
  const paths = { cert: join(await temporaryFolder(t), 'none.pem'), key: '/none' };
  const error: unknown = await t.throwsAsync(readKeyPair(paths), { message: /cannot be read/ });
  t.true(isAppError(error) && error.kind === 'invalid');
});
