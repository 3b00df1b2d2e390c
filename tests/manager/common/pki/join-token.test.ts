import { createHash, X509Certificate } from 'node:crypto';
import test from 'ava';
import { isAppError } from '../../../../manager/common/base/errors.js';
import {
  fingerprintOf,
  formatToken,
  hashSecret,
  matchesHash,
  newSecret,
  parseToken,
} from '../../../../manager/common/pki/join-token.js';
import { createTestPki } from '../../../helpers/pki/pki.js';

const fields = {
  role: 'worker',
  fingerprint: 'F'.repeat(43),
  id: 'token1',
  secret: 'S'.repeat(43),
} as const;

test('a token is read as it was written, also with white space around it', (t) => {
  t.deepEqual(parseToken(formatToken(fields)), fields);
  t.deepEqual(parseToken(` ${formatToken(fields)}\n`), fields);
});

test('a malformed token is rejected and not repeated', (t) => {
  const text = formatToken(fields);
  const wrong = [
    '',
    text.replace('shoal1', 'shoal2'),
    text.replace('worker', 'manager'),
    `${text}x`,
    text.slice(0, -1),
    `x${text}`,
    text.replace('token1', ''),
    text.replace('token1', 'x'.repeat(65)),
  ];
  for (const each of wrong) {
    const error = t.throws(() => parseToken(each));
    t.true(isAppError(error) && error.kind === 'invalid');
    t.false(error.message.includes(fields.secret.slice(1)));
  }
});

test('a secret has 256 bits and differs each time', (t) => {
  t.is(Buffer.from(newSecret(), 'base64url').length, 32);
  t.not(newSecret(), newSecret());
});

test('only the secret itself matches its hash', (t) => {
  const hash = hashSecret('one');
  t.is(hash, createHash('sha256').update('one').digest('hex'));
  t.true(matchesHash('one', hash));
  t.false(matchesHash('two', hash));
  t.false(matchesHash('one', hash.slice(2)));
  t.false(matchesHash('one', ''));
});

test('the fingerprint is the hash of the whole certificate', async (t) => {
  const { ca } = await createTestPki('c1');
  const sum = createHash('sha256').update(new X509Certificate(ca).raw).digest('base64url');
  t.is(fingerprintOf(ca), sum);
});
