import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { buildQuery } from '../../../cli/build/request.js';
import { loadProject } from '../../../cli/compose/load/load.js';

/** Returns the query for a service `web` whose `build:` has these lines in addition to its context. */
async function query(t: ExecutionContext, ...lines: readonly string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-build-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const head = ['name: shop', 'services:', '  web:', '    build:', '      context: .'];
  const foot = ['secrets:', '  s: {environment: S}', ''];
  const text = [...head, ...lines.map((line) => `      ${line}`), ...foot].join('\n');
  await writeFile(join(folder, 'compose.yaml'), text);
  const { project } = await loadProject({ env: {}, cwd: folder });
  return buildQuery({
    project,
    service: 'web',
    build: project.services.web?.build ?? {},
    flags: {},
    env: {},
    dockerfile: 'Dockerfile',
    dockerfileText: 'FROM scratch\n',
  });
}

for (const [key, ...lines] of [
  ['isolation', 'isolation: hyperv'],
  ['provenance', 'provenance: true'],
  ['sbom', 'sbom: true'],
  ['privileged', 'privileged: true'],
  ['cache_to', 'cache_to: ["type=local,dest=/x"]'],
  ['cache_from', 'cache_from: ["type=local,src=/x"]'],
  ['ssh', 'ssh: [default]'],
  ['entitlements', 'entitlements: [network.host]'],
] as const) {
  test(`a build with ${key} is refused with the name of the key`, async (t) => {
    await t.throwsAsync(query(t, ...lines), {
      message: new RegExp(`compose\\.yaml:\\d+:\\d+: .*build\\.${key} is not supported`, 'u'),
    });
  });
}

test('default values of unsupported keys are accepted', async (t) => {
  const found = await query(t, 'provenance: false', 'isolation: default', 'target: small');
  t.is(found.target, 'small');
  t.deepEqual(found.t, ['shop-web']);
});

test('ulimits and caches are sent in the format of the Engine API', async (t) => {
  const found = await query(
    t,
    'ulimits: {nofile: {soft: 10, hard: 20}, nproc: 5}',
    'cache_from: [app:1, "type=registry,ref=app:2"]',
    'cache_to: ["type=inline"]',
  );
  const ulimits = [
    { Name: 'nofile', Soft: 10, Hard: 20 },
    { Name: 'nproc', Soft: 5, Hard: 5 },
  ];
  t.is(found.ulimits, JSON.stringify(ulimits));
  t.is(found.cachefrom, JSON.stringify(['app:1', 'app:2']));
  t.deepEqual(found.buildargs, { BUILDKIT_INLINE_CACHE: '1' });
  t.is(found.version, '2');
});

test('a build with secrets uses BuildKit', async (t) => {
  t.is((await query(t, 'target: x')).version, '1');
  t.is((await query(t, 'secrets: [{source: s}]', '#')).version, '2');
});
