import { execFileSync } from 'node:child_process';
import test from 'ava';
import {
  isProtectedKey,
  protectKey,
  unprotectKey,
} from '../../../cli/certificates/protected-key.js';
import { createPrivateKey } from '../../../manager/common/pki/pki.js';

test('a protected key opens with its passphrase only, also with openssl', async (t) => {
  const key = await createPrivateKey();
  const sealed = await protectKey(key, 'correct horse é');
  t.true(isProtectedKey(sealed));
  t.false(isProtectedKey(key));
  t.is(unprotectKey(sealed, 'correct horse é'), key);
  t.throws(() => unprotectKey(sealed, 'wrong horse'), {
    message: 'CA key: wrong passphrase, or the file is damaged',
  });
  const opened = execFileSync('openssl', ['pkcs8', '-passin', 'env:PASS'], {
    input: sealed,
    env: { ...process.env, PASS: 'correct horse é' },
  });
  t.is(opened.toString(), key);
});

test('two protections of a key differ, and short passphrases are refused', async (t) => {
  const key = await createPrivateKey();
  const sealed = await Promise.all([1, 2].map(() => protectKey(key, 'correct horse')));
  t.not(sealed[0], sealed[1]);
  await t.throwsAsync(protectKey(key, 'short'), { message: /at least 8 characters/u });
});
