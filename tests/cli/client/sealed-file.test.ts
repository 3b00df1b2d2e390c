import test from 'ava';
import { openText, sealText } from '../../../cli/client/sealed-file.js';

const passphrase = 'correct horse';

test('a sealed text is opened with its passphrase only, and does not show its content', async (t) => {
  const sealed = await sealText('the private key', passphrase);
  t.false(sealed.includes('private'));
  t.is(await openText(sealed, passphrase, 'f'), 'the private key');
  const wrong = await t.throwsAsync(openText(sealed, 'correct house', 'f'));
  t.is(wrong.message, 'file f: wrong passphrase, or damaged');
});

test('a changed file is refused, also one that demands too much memory', async (t) => {
  const sealed = await sealText('the private key', passphrase);
  const file = JSON.parse(sealed) as Record<string, unknown>;
  const data = Buffer.from(String(file.data), 'base64');
  data[0] = (data[0] ?? 0) ^ 1;
  const changes = [
    { data: data.toString('base64') },
    { cost: 2 ** 30 },
    { cost: 1_000 },
    { tag: 'AAAA' },
    { iv: '' },
  ];
  for (const change of changes) {
    const text = JSON.stringify({ ...file, ...change });
    await t.throwsAsync(openText(text, passphrase, 'f'), { message: /^file f: / });
  }
});

test('a short passphrase is refused', async (t) => {
  await t.throwsAsync(sealText('x', 'short'), { message: /use at least 8 characters/u });
});
