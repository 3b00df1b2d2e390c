import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { loadProject } from '../../../cli/compose/load/load.js';
import { attachedServices } from '../../../cli/rollout/up.js';
import type { ApplyInput } from '../../../cli/rollout/up-apply.js';
import { buildApplyRequest } from '../../../cli/rollout/up-apply.js';

async function load(t: ExecutionContext, services: readonly string[] = []) {
  const cwd = await mkdtemp(join(tmpdir(), 'shoal-up-'));
  t.teardown(() => rm(cwd, { recursive: true }));
  const lines = [
    'name: demo',
    'services:',
    '  web: {image: web, depends_on: [api]}',
    '  api: {image: api, depends_on: [db]}',
    '  db: {image: db, attach: false}',
    '',
  ];
  await writeFile(join(cwd, 'compose.yaml'), lines.join('\n'));
  return (await loadProject({ env: {}, cwd, services })).project;
}

const started = ['web', 'api', 'db'];

test('up shows the output of the named services, or of all without names', async (t) => {
  const project = await load(t);
  const of = (named: readonly string[], flags: Parameters<typeof attachedServices>[2] = {}) =>
    attachedServices(project, { named, started }, flags);
  t.deepEqual(of([]), ['web', 'api']);
  t.deepEqual(of(['web']), ['web']);
  t.deepEqual(of(['web'], { attachDependencies: true }), ['web', 'api']);
  t.deepEqual(of(['web', 'db']), ['web']);
  t.deepEqual(of([], { noAttach: ['api'] }), ['web']);
  t.deepEqual(of(['web'], { attachDependencies: true, noAttach: ['web'] }), ['api']);
  t.deepEqual(of(['web'], { attach: ['db', 'api'] }), ['api', 'db']);
  t.deepEqual(of([], { attach: ['db', 'api'], noAttach: ['db'] }), ['api']);
});

test('--force-recreate means the named services, --always-recreate-deps their dependencies', async (t) => {
  const project = await load(t, ['web']);
  const forced = (named: readonly string[], flags: Partial<ApplyInput['flags']>) => {
    const options = { mode: 'started', replicas: {}, graceMs: undefined } as const;
    const request = buildApplyRequest({ project, named, flags: { deps: true, ...flags }, options });
    return [...request.forceRecreate].sort();
  };
  t.deepEqual(forced(['web'], {}), []);
  t.deepEqual(forced(['web'], { forceRecreate: true }), ['web']);
  t.deepEqual(forced(['web'], { alwaysRecreateDeps: true }), ['api', 'db']);
  t.deepEqual(forced(['web'], { forceRecreate: true, alwaysRecreateDeps: true }), [
    'api',
    'db',
    'web',
  ]);
  t.deepEqual(forced([], { forceRecreate: true }), ['api', 'db', 'web']);
  t.deepEqual(forced([], { alwaysRecreateDeps: true }), []);
});
