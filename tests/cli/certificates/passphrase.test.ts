import test from 'ava';
import { askOnce } from '../../../cli/certificates/passphrase.js';

test('a command that opens the key several times asks for its passphrase once', async (t) => {
  const answers = ['correct horse'];
  const ask = askOnce(() => Promise.resolve(answers.pop() ?? ''));
  t.deepEqual(await Promise.all([ask(), ask()]), ['correct horse', 'correct horse']);
  t.is(await ask(), 'correct horse');
});
