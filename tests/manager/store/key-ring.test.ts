import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { isAppError } from '../../../manager/common/base/errors.js';
import { KeyRing } from '../../../manager/store/key-ring.js';
import { temporaryFolder } from '../../helpers/pki/pki-folder.js';

async function newRing(t: ExecutionContext): Promise<KeyRing> {
  const ring = new KeyRing(join(await temporaryFolder(t), 'deep', 'cluster.key'));
  await ring.load({ mayCreate: true });
  return ring;
}

async function modeOf(path: string): Promise<number> {
  return (await stat(path)).mode & 0o777;
}

test('a ring has no key before it is loaded', async (t) => {
  const ring = new KeyRing(join(await temporaryFolder(t), 'cluster.key'));
  const error = t.throws(() => ring.current, { message: /used before it was loaded/ });
  t.true(isAppError(error) && error.kind === 'internal');
});

test('a new key has 32 bytes, an id of 16 digits and a file that only its owner reads', async (t) => {
  const ring = await newRing(t);
  t.is(ring.current.bytes.length, 32);
  t.regex(ring.current.id, /^[0-9a-f]{16}$/);
  t.deepEqual(ring.find(ring.current.id), ring.current.bytes);
  t.is(await modeOf(ring.path), 0o600);
  t.is(await modeOf(join(ring.path, '..')), 0o700);
  t.deepEqual(await readdir(join(ring.path, '..')), ['cluster.key']);
});

test('loading restores the mode of the file and the keys in it', async (t) => {
  const ring = await newRing(t);
  const old = ring.current;
  await ring.addKey();
  await chmod(ring.path, 0o644);
  const again = new KeyRing(ring.path);
  await again.load({ mayCreate: false });
  t.is(await modeOf(ring.path), 0o600);
  t.is(again.current.id, ring.current.id);
  t.deepEqual(again.find(old.id), old.bytes);
});

test('an older key stays until only the current one is kept, in memory and on disk', async (t) => {
  const ring = await newRing(t);
  const old = ring.current;
  await ring.addKey();
  t.not(ring.current.id, old.id);
  t.deepEqual(ring.find(old.id), old.bytes);
  await ring.keepOnlyCurrent();
  t.is(ring.find(old.id), undefined);
  t.deepEqual(ring.find(ring.current.id), ring.current.bytes);
  t.false((await readFile(ring.path, 'utf8')).includes(old.id));
});

test('a ring with one key does not write its file again', async (t) => {
  const ring = await newRing(t);
  const { ino } = await stat(ring.path);
  await ring.keepOnlyCurrent();
  t.is((await stat(ring.path)).ino, ino);
});

test('a manager has the current key only after it got it', async (t) => {
  const ring = await newRing(t);
  t.false(ring.hasCurrentKey('m2'));
  t.is(ring.exportTo('m2'), await readFile(ring.path, 'utf8'));
  t.true(ring.hasCurrentKey('m2'));
  t.false(ring.hasCurrentKey('m3'));
  await ring.addKey();
  t.false(ring.hasCurrentKey('m2'));
});

test('an export replaces all keys, and an equal one writes nothing', async (t) => {
  const [ring, other] = [await newRing(t), await newRing(t)];
  const old = ring.current;
  await ring.replaceWith(other.exportTo('m2'));
  t.is(ring.current.id, other.current.id);
  t.is(ring.find(old.id), undefined);
  t.is(await readFile(ring.path, 'utf8'), await readFile(other.path, 'utf8'));
  const { ino } = await stat(ring.path);
  await ring.replaceWith(other.exportTo('m2'));
  t.is((await stat(ring.path)).ino, ino);
});

test('an export is written if the file is missing or differs, though memory has the keys', async (t) => {
  const ring = await newRing(t);
  const text = ring.exportTo('m2');
  await writeFile(ring.path, 'damaged');
  await ring.replaceWith(text);
  t.is(await readFile(ring.path, 'utf8'), text);
});

test('a damaged export changes nothing', async (t) => {
  const ring = await newRing(t);
  const { id } = ring.current;
  const key = (bytes: number): string => Buffer.alloc(bytes).toString('base64');
  const wrong = [
    ['{', /file is invalid/],
    ['null', /field current or keys is missing/],
    ['{"keys":{}}', /field current or keys is missing/],
    ['{"current":"a"}', /field current or keys is missing/],
    ['{"current":"a","keys":null}', /field current or keys is missing/],
    ['{"current":"a","keys":{}}', /key a is missing/],
    [`{"current":"a","keys":{"a":"${key(32)}"}}`, /key a does not match its id/],
    // The id of 31 zero bytes: only the length is wrong.
    [`{"current":"fd08be957bda07dc","keys":{"fd08be957bda07dc":"${key(31)}"}}`, /does not match/],
  ] as const;
  for (const [text, message] of wrong) {
    const error: unknown = await t.throwsAsync(ring.replaceWith(text), { message });
    t.true(isAppError(error) && error.kind === 'invalid');
  }
  t.is(ring.current.id, id);
});
