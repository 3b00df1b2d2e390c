import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { extract } from 'tar-stream';
import { openContext } from '../../../cli/build/context.js';
import { parseNamedContext, withNamedContexts } from '../../../cli/build/named-contexts.js';

const options = { folder: '/app', imageOfService: (key: string) => `shop-${key}` };

test('a named context is a directory, an image or the image of another service', (t) => {
  t.deepEqual(parseNamedContext('lib', './lib', options), {
    kind: 'folder',
    name: 'lib',
    path: '/app/lib',
  });
  const image = (value: string) => parseNamedContext('base', value, options);
  t.deepEqual(image('docker-image://a/b:1'), { kind: 'image', name: 'base', image: 'a/b:1' });
  t.deepEqual(image('service:web'), { kind: 'image', name: 'base', image: 'shop-web' });
  for (const value of ['https://x.example/y.git', 'oci-layout://x', 'git@host:x']) {
    t.throws(() => image(value), { message: /is not supported; use a directory/u });
  }
  t.throws(() => parseNamedContext('--x', '.', options), {
    message: /not a valid name of a build stage/u,
  });
});

test('named contexts become the first stages, and references to stages by number shift', (t) => {
  const dockerfile = [
    '# syntax=x',
    'ARG V=1',
    'FROM base AS one',
    'FROM scratch',
    'COPY --from=0 /a /b',
    'COPY --from=lib / /',
    'RUN --mount=type=bind,from=1,target=/x true',
  ].join('\n');
  const found = withNamedContexts(dockerfile, [
    { kind: 'image', name: 'base', image: 'app:1' },
    { kind: 'folder', name: 'lib', path: '/app/lib' },
  ]);
  t.deepEqual(found.split('\n'), [
    '# syntax=x',
    'ARG V=1',
    'FROM app:1 AS base',
    'FROM scratch AS lib',
    'COPY .shoal-context/lib/ /',
    'FROM base AS one',
    'FROM scratch',
    'COPY --from=2 /a /b',
    'COPY --from=lib / /',
    'RUN --mount=type=bind,from=3,target=/x true',
  ]);
  t.is(withNamedContexts(dockerfile, []), dockerfile);
});

test('files of named contexts are sent with the context, without ignored ones', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'shoal-named-'));
  t.teardown(() => rm(root, { recursive: true }));
  for (const folder of ['app', 'lib']) await mkdir(join(root, folder));
  await writeFile(join(root, 'app', 'Dockerfile'), 'FROM scratch\nCOPY --from=lib / /\n');
  await writeFile(join(root, 'lib', '.dockerignore'), '*.md\n');
  for (const name of ['a.txt', 'b.md']) await writeFile(join(root, 'lib', name), name);
  const named = [{ kind: 'folder', name: 'lib', path: join(root, 'lib') }] as const;
  const { tar, dockerfile } = await openContext('web', { context: join(root, 'app') }, named);
  const reader = extract();
  tar.pipe(reader);
  const names: string[] = [];
  for await (const entry of reader) {
    names.push(entry.header.name);
    entry.resume();
  }
  t.deepEqual(names.sort(), [
    dockerfile,
    '.shoal-context/lib/.dockerignore',
    '.shoal-context/lib/a.txt',
    'Dockerfile',
  ]);
  const missing = [{ kind: 'folder', name: 'gone', path: join(root, 'gone') }] as const;
  await t.throwsAsync(openContext('web', { context: join(root, 'app') }, missing), {
    message: /service web: build context gone .*\/gone: not a directory/u,
  });
});
