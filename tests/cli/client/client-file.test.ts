import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { readClientFile, writeClientFile } from '../../../cli/client/client-file.js';
import { temporaryFolder } from '../../helpers/pki/pki-folder.js';

const bundle = {
  cluster: {
    name: 'alpha',
    id: 'c1',
    strategy: 'spread' as const,
    managers: [{ name: 'm1', nodeId: 'n1', url: 'https://192.0.2.1:7070' }],
  },
  client: 'ci',
  ca: 'CA',
  cert: 'CERT',
  key: 'KEY',
};

test('a client file is private, never overwritten, and read with its passphrase', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'ci.shoal-client');
  const passphrase = 'correct horse';
  await writeClientFile(path, bundle, passphrase);
  t.is((await stat(path)).mode & 0o777, 0o600);
  t.like(await readClientFile(path, passphrase), { client: 'ci', key: 'KEY' });
  await t.throwsAsync(writeClientFile(path, bundle, passphrase), { message: /cannot be written/u });
  await t.throwsAsync(readClientFile(join(folder, 'none'), passphrase), {
    message: /cannot be read/u,
  });
});
