import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import test from 'ava';
import { readSecret } from '../../../cli/output/secret-input.js';
import { temporaryFolder } from '../../helpers/pki/pki-folder.js';

const noInput = { stdin: new PassThrough() as unknown as NodeJS.ReadStream };

test('a secret is the first line of its file or of standard input, with its spaces', async (t) => {
  const path = join(await temporaryFolder(t), 'phrase');
  await writeFile(path, ' correct horse \r\nsecond line\n');
  t.is(await readSecret(noInput, path, '--passphrase-file'), ' correct horse ');
  const stdin = new PassThrough();
  stdin.end('from\nstdin');
  t.is(await readSecret({ stdin: stdin as unknown as NodeJS.ReadStream }, '-', '--token'), 'from');
});

test('an endless input is cut, and a missing file is named with its flag', async (t) => {
  t.true((await readSecret(noInput, '/dev/zero', '--token-file')).length <= 4_096);
  await t.throwsAsync(readSecret(noInput, '/nosuch', '--token-file'), {
    message: /^--token-file: ENOENT/u,
  });
});
