import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import type { BakeInput } from '../../../cli/build/bake.js';
import { bakeFile } from '../../../cli/build/bake.js';
import { loadProject } from '../../../cli/compose/load/load.js';

async function bake(t: ExecutionContext, text: string, input: Partial<BakeInput> = {}) {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'shoal-bake-')));
  t.teardown(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'compose.yaml'), text);
  const { project } = await loadProject({ env: {}, cwd: folder });
  const keys = Object.keys(project.services);
  return { folder, file: bakeFile({ project, keys, flags: {}, env: {}, ...input }) };
}

const labels = (service: string) => ({
  'com.docker.compose.project': 'demo',
  'com.docker.compose.service': service,
});

test('a build section becomes a target with the keys of bake', async (t) => {
  const text = `name: demo
services:
  web:
    image: reg/web:1
    platform: linux/amd64
    build:
      context: ./web
      dockerfile: Df
      args: {A: "1", B: }
      target: t
      labels: {x: y}
      tags: [a:1]
      cache_from: [reg/c]
      cache_to: [type=inline]
      network: host
      pull: true
      no_cache: true
      shm_size: 64m
      ulimits: {nofile: 100, nproc: {soft: 1, hard: 2}}
      extra_hosts: ["h:1.2.3.4", "h:::1"]
      secrets: [s1, {source: s2, target: tt}]
      ssh: [default, k=/x]
      additional_contexts: {lib: "service:li.b", o: ./lib, r: "https://e.com/x.git"}
      entitlements: [network.host]
      privileged: true
  li.b:
    build: {context: ./lib, dockerfile_inline: "FROM x\\nRUN echo $\${Y}\\n"}
  plain: {image: p}
secrets: {s1: {file: ./f}, s2: {environment: E}}
`;
  const { folder, file } = await bake(t, text);
  t.deepEqual([...file.group.default.targets].sort(), ['li_b', 'web']);
  t.deepEqual(file.target, {
    li_b: {
      context: `${folder}/lib`,
      'dockerfile-inline': 'FROM x\nRUN echo $${Y}\n',
      labels: labels('li.b'),
      tags: ['demo-li.b'],
      output: ['type=docker'],
    },
    web: {
      context: `${folder}/web`,
      contexts: { lib: 'target:li_b', o: `${folder}/lib`, r: 'https://e.com/x.git' },
      dockerfile: `${folder}/web/Df`,
      args: { A: '1' },
      labels: { x: 'y', ...labels('web') },
      tags: ['a:1', 'reg/web:1'],
      'cache-from': ['reg/c'],
      'cache-to': ['type=inline'],
      target: 't',
      secret: [`id=s1,type=file,src=${folder}/f`, 'id=tt,type=env,env=E'],
      ssh: ['default=', 'k=/x'],
      platforms: ['linux/amd64'],
      pull: true,
      'no-cache': true,
      network: 'host',
      'shm-size': '67108864',
      ulimits: ['nofile=100', 'nproc=1:2'],
      entitlements: ['network.host', 'security.insecure'],
      'extra-hosts': { h: '1.2.3.4,::1' },
      output: ['type=docker'],
    },
  });
});

test('flags of build change the targets; only images with a name are pushed', async (t) => {
  const text = `name: demo
services:
  a: {build: {context: ., args: {A: "1"}}}
  b: {image: reg/b, build: {context: /b, platforms: [linux/amd64, linux/arm64]}}
  c: {image: reg/c, build: {context: "https://github.com/a/b.git", provenance: "mode=max", sbom: "true"}}
  d: {build: {context: /d, dockerfile: /e/D, provenance: "false"}}
`;
  const { file } = await bake(t, text, {
    flags: { push: true, noCache: true, pull: true, buildArg: ['A=2', 'Z=${u}', 'NONE'] },
  });
  const { a, b, c, d } = file.target;
  t.like(a, { args: { A: '2', Z: '$${u}' }, pull: true, 'no-cache': true });
  t.like(a, { output: ['type=docker'] });
  t.like(b, { dockerfile: '/b/Dockerfile', output: ['type=image,push=true'] });
  t.like(c, { dockerfile: 'Dockerfile', output: ['type=registry'] });
  t.deepEqual(c?.attest, ['type=provenance,mode=max', 'type=sbom']);
  t.is(d?.dockerfile, '/e/D');
  t.is(d?.attest, undefined);
});

test('services whose names differ only in dots get targets of their own', async (t) => {
  const { file } = await bake(
    t,
    'name: demo\nservices: {a.b: {build: /x}, a_b: {build: {context: /y, additional_contexts: {o: "service:a.b"}}}}\n',
  );
  t.deepEqual(Object.keys(file.target), ['a_b', 'a_b_']);
  const [first, second] = Object.values(file.target);
  t.is(first?.context, '/x');
  t.like(second, { context: '/y', contexts: { o: 'target:a_b' } });
});
