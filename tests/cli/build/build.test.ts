import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { walkContext } from '../../../cli/build/context.js';
import { parseIgnore } from '../../../cli/build/ignore.js';
import { EngineLines } from '../../../cli/build/lines.js';
import { RegistryCredentials, registryOf } from '../../../cli/build/registry-auth.js';
import { BuildTrace } from '../../../cli/build/trace.js';

test('.dockerignore: the last rule that matches a path or one of its parents decides', (t) => {
  const ignore = parseIgnore('# all\n*.md\n!README.md\n/node_modules\n**/*.log\ndir/*/tmp\n');
  const ignored = (path: string) => ignore.ignores(path);
  t.deepEqual(
    ['a.md', 'README.md', 'sub/a.md', 'node_modules', 'node_modules/x/y', 'sub/node_modules'].map(
      ignored,
    ),
    [true, false, false, true, true, false],
  );
  t.deepEqual(
    ['a.log', 'x/y/a.log', 'dir/a/tmp', 'dir/a/tmp/z', 'dir/a/b/tmp', 'alog'].map(ignored),
    [true, true, true, true, false, false],
  );
  t.false(ignore.canPrune);
  t.true(parseIgnore('x\n').canPrune);
  t.true(parseIgnore('**\n!src\n').ignores('lib/a'));
  t.false(parseIgnore('**\n!src\n').ignores('src/deep/a'));
});

test('the walk skips ignored paths and finds paths below them that a ! rule includes', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'shoal-context-'));
  t.teardown(() => rm(root, { recursive: true }));
  await mkdir(join(root, 'skip', 'deep'), { recursive: true });
  for (const name of ['a', 'skip/b', 'skip/deep/keep']) await writeFile(join(root, name), name);
  const found: string[] = [];
  for await (const { path } of walkContext(root, parseIgnore('skip\n!skip/deep/keep\n')))
    found.push(path);
  t.deepEqual(found, ['a', 'skip/deep/keep']);
});

test('JSON lines of the engine are reassembled from chunks of any size', (t) => {
  const lines = new EngineLines();
  const bytes = Buffer.from('{"stream":"ü"}\r\n{"error":"no"}\n');
  const found = [...bytes].flatMap((byte) => [...lines.push(Uint8Array.of(byte))]);
  t.deepEqual(found, [{ stream: 'ü' }, { error: 'no' }]);
});

/** Encodes a length-delimited protobuf field. */
function field(number: number, data: Uint8Array | string): Buffer {
  const bytes = Buffer.from(data);
  return Buffer.concat([Buffer.of(number * 8 + 2, bytes.length), bytes]);
}

test('the BuildKit trace prints each step once, with its output', (t) => {
  const vertex = field(1, Buffer.concat([field(1, 'd1'), field(3, '[1/2] RUN x'), field(5, '')]));
  const output = field(3, field(4, 'hello\n'));
  const aux = Buffer.concat([vertex, output]).toString('base64');
  const trace = new BuildTrace();
  const line = { id: 'moby.buildkit.trace', aux };
  t.is(trace.read(line), '[1/2] RUN x\nhello\n');
  t.is(trace.read(line), 'hello\n');
  t.is(trace.read({ id: 'other', aux }), '');
});

test('the registry of an image is the first part of its name if that is a host', (t) => {
  const names = ['redis', 'library/redis', 'localhost/x', 'host:5000/x', 'ghcr.io/a/b:1'];
  t.deepEqual(names.map(registryOf), [
    'docker.io',
    'docker.io',
    'localhost',
    'host:5000',
    'ghcr.io',
  ]);
});

test('credentials come from the configuration and helpers of the same registry only', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-docker-config-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const helper =
    '#!/bin/sh\nread server\n[ "$server" = helped.example ] || { echo "credentials not found in native keychain"; exit 1; }\necho \'{"Username":"h","Secret":"s"}\'\n';
  await writeFile(join(folder, 'docker-credential-testing'), helper, { mode: 0o755 });
  const config = {
    auths: {
      'https://index.docker.io/v1/': { auth: Buffer.from('u:p:q').toString('base64') },
      'other.example': { identitytoken: 'token' },
    },
    credHelpers: { 'helped.example': 'testing', 'nothing.example': 'testing' },
  };
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  const env = { DOCKER_CONFIG: folder, PATH: `${folder}:/usr/bin:/bin` };
  const credentials = new RegistryCredentials(env);
  t.like(await credentials.forImage('redis:7'), { username: 'u', password: 'p:q' });
  t.like(await credentials.forImage('other.example/x'), { identitytoken: 'token' });
  t.like(await credentials.forImage('helped.example/x'), { username: 'h', password: 's' });
  t.is(await credentials.forImage('nothing.example/x'), undefined);
  t.is(await credentials.forImage('unknown.example/x'), undefined);
  t.deepEqual(Object.keys(await credentials.all()).sort(), [
    'helped.example',
    'https://index.docker.io/v1/',
    'other.example',
  ]);
});
