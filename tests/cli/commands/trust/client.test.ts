import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { FakeCluster } from '../../../helpers/fakes/fake-cluster.js';
import { runCommand } from '../../../helpers/program/run-command.js';

test('client create with a passphrase that is too short creates no client', async (t) => {
  const cwd = await mkdtemp(join(tmpdir(), 'client-'));
  t.teardown(() => rm(cwd, { recursive: true }));
  await writeFile(join(cwd, 'phrase'), 'short\n');
  const client = new FakeCluster();
  const argv = ['client', 'create', 'ci', '--passphrase-file', join(cwd, 'phrase')];
  const { error } = await runCommand(argv, { client, cwd });
  t.is(error, 'passphrase: too short; use at least 8 characters');
  t.deepEqual(client.calls, []);
});
