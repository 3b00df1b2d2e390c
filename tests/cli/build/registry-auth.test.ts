import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { RegistryCredentials, registryOf } from '../../../cli/build/registry-auth.js';

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
  const named = ['other.example/x', 'redis', 'library/redis:7', 'unknown.example/x'];
  t.deepEqual(Object.keys(await credentials.forImages(named)).sort(), [
    'https://index.docker.io/v1/',
    'other.example',
  ]);
  t.deepEqual(await credentials.forImages(['helped.example/x']), {
    'helped.example': { username: 'h', password: 's', serveraddress: 'helped.example' },
  });
  t.deepEqual(await credentials.forImages([]), {});
});

test('a malformed configuration or helper answer is named without quoting secrets', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-docker-config-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const path = join(folder, 'config.json');
  const env = { DOCKER_CONFIG: folder, PATH: `${folder}:/usr/bin:/bin` };
  for (const [content, fault] of [
    ['{"auths":{"r.example":{"auth":"secret"}', 'invalid JSON'],
    ['{"auths":{"r.example":{"auth":5}}}', 'auths.r.example.auth must be a string'],
    ['[]', 'the value must be an object'],
  ] as const) {
    await writeFile(path, content);
    await t.throwsAsync(new RegistryCredentials(env).forImage('r.example/x'), {
      message: `${path}: ${fault}; fix the file or run "docker login"`,
    });
  }
  await writeFile(path, '{"auths":null,"credsStore":"testing"}');
  const helper = join(folder, 'docker-credential-testing');
  for (const [output, fault] of [
    ['secret', 'invalid JSON'],
    ['{"Username":"u"}', 'Secret must be a string'],
  ] as const) {
    await writeFile(helper, `#!/bin/sh\nread server\necho '${output}'\n`, { mode: 0o755 });
    await t.throwsAsync(new RegistryCredentials(env).forImage('r.example/x'), {
      message: `docker-credential-testing: ${fault}; check the credential helper`,
    });
  }
});
