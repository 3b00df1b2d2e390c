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

test('a secret from an open input is read as soon as its line ends', async (t) => {
  const stdin = new PassThrough();
  const euro = Buffer.from('€');
  stdin.write(euro.subarray(0, 1));
  const reading = readSecret({ stdin: stdin as unknown as NodeJS.ReadStream }, '-', '--token');
  stdin.write(Buffer.concat([euro.subarray(1), Buffer.from('\n')]));
  t.is(await reading, '€');
});

test('an endless line is refused, and a missing file is named with its flag', async (t) => {
  await t.throwsAsync(readSecret(noInput, '/dev/zero', '--token-file'), {
    message: '--token-file: the first line is longer than 4096 bytes',
  });
  await t.throwsAsync(readSecret(noInput, '/nosuch', '--token-file'), {
    message: /^--token-file: ENOENT/u,
  });
});
