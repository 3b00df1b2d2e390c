import test from 'ava';
import { absolutePath, isRemoteFile, resolvePaths } from '../../../../cli/compose/load/paths.js';
import { isMap } from '../../../../cli/compose/yaml/tree.js';
import { parseYaml } from '../../../../cli/compose/yaml/yaml.js';

const options = { directory: '/p', home: '/h/u' };

test('relative paths are below the directory and lexically clean', (t) => {
  for (const [path, expected] of [
    ...[
      ['', ''],
      ['a', '/p/a'],
      ['./a/', '/p/a'],
      ['../a', '/a'],
      ['a/./b/../c', '/p/a/c'],
    ],
    ...[
      ['.', '/p'],
      ['..', '/'],
      ['/', '/'],
      ['/a/', '/a/'],
      ['/a/../b', '/a/../b'],
    ],
  ] as const) {
    t.is(absolutePath(path, options), expected);
  }
});

test('a tilde is the home directory, as docker compose reads it', (t) => {
  for (const [path, expected] of [
    ...[
      ['~', '/h/u'],
      ['~/', '/h/u'],
      ['~/a/', '/h/u/a'],
      ['~/../b', '/h/b'],
    ],
    ...[
      ['~a/b', '/h/u/a/b'],
      ['a~', '/p/a~'],
      ['./~/a', '/p/~/a'],
    ],
  ] as const) {
    t.is(absolutePath(path, options), expected);
  }
  t.is(absolutePath('~/a', { directory: '/p', home: undefined }), '/p/~/a');
});

function resolved(text: string): unknown {
  const root = parseYaml({ file: 'f', text })[0]?.root;
  if (!isMap(root)) throw new Error('not a mapping');
  resolvePaths(root, options);
  return JSON.parse(JSON.stringify(root));
}

test('build contexts are paths unless they are repositories, services or images', (t) => {
  for (const [context, expected] of [
    ...[
      ['a', '/p/a'],
      ['~/a', '/h/u/a'],
      ['.', '/p'],
      ['githubXcom/a', '/p/githubXcom/a'],
    ],
    ...['https://x/a.git', 'git@x:a', 'github.com/a/b', 'service:a', 'docker-image://a'].map(
      (remote) => [remote, remote],
    ),
  ] as [string, string][]) {
    t.deepEqual(resolved(`services: {a: {build: {context: "${context}"}}}`), {
      services: { a: { build: { context: expected } } },
    });
  }
});

test('sources of bind mounts are paths, those of volumes are names', (t) => {
  const source = (mount: string): unknown =>
    (
      resolved(`services: {a: {volumes: [{${mount}}]}}`) as {
        services: { a: { volumes: { source?: string }[] } };
      }
    ).services.a.volumes[0]?.source;
  t.is(source('type: bind, source: ./a'), '/p/a');
  t.is(source('type: bind, source: "C:/a"'), 'C:/a');
  t.is(source('type: bind, source: "\\\\\\\\srv\\\\a"'), '\\\\srv\\a');
  t.is(source('type: volume, source: a'), 'a');
  for (const mount of ['type: bind', 'type: bind, source: ""', 'type: bind, source: 1'])
    t.throws(() => source(mount), { message: /bind mount has no source/u });
});

test('the device of a volume is a path with the options of a bind mount alone', (t) => {
  const device = (volume: string): unknown =>
    (
      resolved(`volumes: {v: {${volume}}}`) as {
        volumes: { v: { driver_opts?: { device?: string } } };
      }
    ).volumes.v.driver_opts?.device;
  t.is(device('driver: local, driver_opts: {o: bind, device: a}'), '/p/a');
  t.is(device('driver: local, driver_opts: {o: rw, device: a}'), 'a');
  t.is(device('driver: nfs, driver_opts: {o: bind, device: a}'), 'a');
  t.is(device('driver: local, driver_opts: {o: bind}'), undefined);
  t.is(device('driver: local'), undefined);
});

test('other files are resolved one by one and in lists', (t) => {
  t.deepEqual(
    resolved(
      'services: {a: {env_file: [{path: e}], label_file: [l], develop: {watch: [{path: w}]}}}\nsecrets: {s: {file: ~/s}}\nconfigs: {c: {file: c}}',
    ),
    {
      services: {
        a: {
          env_file: [{ path: '/p/e' }],
          label_file: ['/p/l'],
          develop: { watch: [{ path: '/p/w' }] },
        },
      },
      secrets: { s: { file: '/h/u/s' } },
      configs: { c: { file: '/p/c' } },
    },
  );
});

test('addresses of repositories and registries are no local files', (t) => {
  for (const file of ['https://a/b', 'oci://a', 'git@a:b', 'github.com/a'])
    t.true(isRemoteFile(file));
  for (const file of ['a.yaml', './a:b', '-', '/github.com/a', 'a@b']) t.false(isRemoteFile(file));
});
