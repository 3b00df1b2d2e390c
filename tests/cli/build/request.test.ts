import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { buildQuery } from '../../../cli/build/request.js';
import { loadProject } from '../../../cli/compose/load.js';

/** The query for a service `web` whose `build:` has these lines besides its context. */
async function query(t: ExecutionContext, ...lines: readonly string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-build-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const head = ['name: shop', 'services:', '  web:', '    build:', '      context: .'];
  const text = [...head, ...lines.map((line) => `      ${line}`), ''].join('\n');
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
  ['ulimits', 'ulimits: {nofile: 100}'],
  ['isolation', 'isolation: hyperv'],
  ['provenance', 'provenance: true'],
  ['sbom', 'sbom: true'],
  ['privileged', 'privileged: true'],
  ['cache_to', 'cache_to: [inline]'],
] as const) {
  test(`a build with ${key} is refused by name, not made without it`, async (t) => {
    await t.throwsAsync(query(t, ...lines), { message: new RegExp(`build\\.${key} `, 'u') });
  });
}

test('what asks for nothing beyond a plain build is no reason to refuse', async (t) => {
  const found = await query(t, 'provenance: false', 'isolation: default', 'target: small');
  t.is(found.target, 'small');
  t.deepEqual(found.t, ['shop-web']);
});
