import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { Config, Secret } from '../../../../manager/common/model/secret.js';
import { FakeCluster } from '../../../helpers/fakes/fake-cluster.js';
import { runCommand } from '../../../helpers/program/run-command.js';

const meta = { version: 3, createdAt: 0, updatedAt: 0 };
const spec = { name: 'tls', project: '', key: 'tls', labels: { team: 'a' } };
const secret: Omit<Secret, 'data'> = { ...meta, id: 's1' as never, spec };
const config: Config = { ...meta, id: 'c1' as never, spec, data: 'cGxhaW4=' };

test('secret create reads a file and prints the id', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'secret-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'key.pem'), 'hush\n');
  const client = new FakeCluster({}, { 'secret.create': () => 's1' });
  const argv = ['secret', 'create', '-l', 'team=a', 'tls', 'key.pem'];
  const { stdout, code } = await runCommand(argv, { client, cwd: folder });
  t.is(code, 0);
  t.is(stdout, 's1\n');
  const data = Buffer.from('hush\n').toString('base64');
  t.deepEqual(client.calls, [
    { name: 'secret.create', args: { name: 'tls', labels: { team: 'a' }, data } },
  ]);
});

test('secret create rejects empty content and names a missing file', async (t) => {
  const client = new FakeCluster();
  const empty = await runCommand(['secret', 'create', 'tls'], { client });
  t.is(empty.error, 'secret tls: - is empty; a secret needs content');
  const absent = await runCommand(['secret', 'create', 'tls', '/no/such'], { client });
  t.regex(absent.error ?? '', /^cannot read \/no\/such: /u);
  t.deepEqual(client.calls, []);
});

test('secrets are listed and inspected without content, configs with content', async (t) => {
  const client = new FakeCluster(
    {},
    { 'secret.list': () => [secret], 'config.list': () => [config] },
  );
  const now = () => 60_000;
  const list = await runCommand(['secret', 'ls'], { client, now });
  t.regex(list.stdout, /^ID +NAME +PROJECT +CREATED +UPDATED\ns1 +tls +About a minute ago/u);
  const quiet = await runCommand(['config-object', 'ls', '-q'], { client });
  t.is(quiet.stdout, 'c1\n');
  const inspect = async (command: string): Promise<unknown> => {
    const { stdout } = await runCommand([command, 'inspect', 'tls'], { client });
    return JSON.parse(stdout);
  };
  const common = {
    Version: { Index: 3 },
    CreatedAt: '1970-01-01T00:00:00.000Z',
    UpdatedAt: '1970-01-01T00:00:00.000Z',
  };
  const Spec = { Name: 'tls', Labels: { team: 'a' } };
  t.deepEqual(await inspect('secret'), [{ ID: 's1', ...common, Spec }]);
  t.deepEqual(await inspect('config-object'), [
    { ID: 'c1', ...common, Spec: { ...Spec, Data: 'cGxhaW4=' } },
  ]);
});

test('secrets and configs are filtered by name, id, label and project', async (t) => {
  const other = {
    ...secret,
    id: 's2' as typeof secret.id,
    spec: { ...secret.spec, name: 'other', labels: {} },
  };
  const client = new FakeCluster(
    {},
    { 'secret.list': () => [secret, other], 'config.list': () => [config] },
  );
  const ids = async (...filter: string[]): Promise<string> => {
    const argv = ['secret', 'ls', '-q', ...filter.flatMap((each) => ['--filter', each])];
    return (await runCommand(argv, { client })).stdout;
  };
  t.is(await ids('name=tl'), 's1\n');
  t.is(await ids('label=team=a'), 's1\n');
  t.is(await ids('id=s2'), 's2\n');
  t.is(await ids('project=nosuch'), '');
  t.is(await ids('name=tls', 'name=other'), 's2\ns1\n', 'either of one key');
  const { error, code } = await runCommand(['secret', 'ls', '--filter', 'colour=red'], { client });
  t.regex(error ?? '', /colour/u);
  t.is(code, 1);
});

test('rm accepts names and ids and reports unknown ones', async (t) => {
  const client = new FakeCluster(
    {},
    { 'secret.list': () => [secret], 'secret.remove': () => null },
  );
  const { stdout, error } = await runCommand(['secret', 'rm', 's1', 'other'], { client });
  t.is(stdout, 's1\n');
  t.is(error, 'no such secret: other');
  t.deepEqual(client.calls.at(-1), { name: 'secret.remove', args: { name: 'tls' } });
});
