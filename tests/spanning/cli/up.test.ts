import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { Project } from '../../../cli/compose/model.js';
import { imagesToBind } from '../../../cli/rollout/up-images.js';
import { FakeCluster } from '../../helpers/fakes/fake-cluster.js';
import { runCommand } from '../../helpers/program/run-command.js';
import { objects } from '../../helpers/fakes/demo-project.js';

test('up with incompatible flags fails before any call to the manager', async (t) => {
  const client = new FakeCluster();
  for (const flags of [
    ['--force-recreate', '--no-recreate'],
    ['-d', '--abort-on-container-exit'],
    ['--wait', '--exit-code-from', 'web'],
    ['-d', '--attach', 'web'],
    ['--always-recreate-deps', '--no-recreate'],
    ['--wait', '--attach-dependencies'],
    ['-d', '--attach-dependencies'],
    ['--attach', 'web', '--attach-dependencies'],
  ]) {
    const { error, code } = await runCommand(['up', ...flags], { client });
    t.regex(error ?? '', /are incompatible$/u);
    t.is(code, 1);
  }
  t.deepEqual(client.calls, []);
});

test('up applies the file with the overrides of the flags and ends when it is running', async (t) => {
  const cwd = await mkdtemp(join(tmpdir(), 'shoal-up-'));
  t.teardown(() => rm(cwd, { recursive: true }));
  await writeFile(join(cwd, 'compose.yaml'), 'name: demo\nservices: {web: {image: "web:1"}}\n');
  const client = new FakeCluster(objects, {
    'project.apply': () => ({
      changes: [{ kind: 'network', name: 'demo_default', action: 'created', cause: 'not there' }],
      orphans: ['old'],
    }),
    'image.find': () => [],
  });
  const run = { client, cwd, env: { HOME: cwd } };
  const { stderr, error } = await runCommand(
    ['up', '-d', '--scale', 'web=2', '--force-recreate'],
    run,
  );
  t.is(error, undefined);
  const sent = client.lastArgs('project.apply');
  t.like(sent, { project: 'demo', forceRecreate: ['web'], keepReplicas: [], known: ['web'] });
  t.deepEqual(sent?.services[0]?.mode, { kind: 'replicated', replicas: 2 });
  t.regex(stderr, /found orphan containers \(old\)/u);
  t.regex(stderr, /Network demo_default {2}Created/u);
  t.regex(stderr, /Container demo-web-1 {2}Running/u);
});

test('up -V asks for new anonymous volumes of the named services only', async (t) => {
  const cwd = await mkdtemp(join(tmpdir(), 'shoal-up-'));
  t.teardown(() => rm(cwd, { recursive: true }));
  const services = '{web: {image: "web:1", depends_on: [db]}, db: {image: "db:1"}}';
  await writeFile(join(cwd, 'compose.yaml'), `name: demo\nservices: ${services}\n`);
  const client = new FakeCluster(objects, {
    'project.apply': () => ({ changes: [], orphans: [] }),
    'image.find': () => [],
  });
  const run = { client, cwd, env: { HOME: cwd } };
  const renewed = async (...argv: string[]): Promise<unknown> => {
    await runCommand([...argv, '--dry-run'], run);
    return client.lastArgs('project.apply')?.renewVolumes;
  };
  t.deepEqual(await renewed('up', '-d', '-V', 'web'), ['web']);
  t.deepEqual(await renewed('up', '-d', '--renew-anon-volumes'), ['db', 'web']);
  t.deepEqual(await renewed('up', '-d'), []);
});

test('up --compatibility names containers and built images as docker-compose 1 does', async (t) => {
  const cwd = await mkdtemp(join(tmpdir(), 'shoal-up-'));
  t.teardown(() => rm(cwd, { recursive: true }));
  await writeFile(join(cwd, 'compose.yaml'), 'name: demo\nservices: {web: {build: .}}\n');
  const client = new FakeCluster(objects, {
    'project.apply': () => ({ changes: [], orphans: [] }),
    'image.find': () => [],
  });
  const run = { client, cwd, env: { HOME: cwd } };
  const specOf = async (...flags: string[]) => {
    await runCommand([...flags, '--dry-run', 'up', '-d'], run);
    const [spec] = client.lastArgs('project.apply')?.services ?? [];
    return [spec?.nameSeparator, spec?.task.container.image];
  };
  t.deepEqual(await specOf(), [undefined, 'demo-web']);
  t.deepEqual(await specOf('--compatibility'), ['_', 'demo_web']);
  const images = await runCommand(['--compatibility', 'config', '--images'], run);
  t.is(images.stdout, 'demo_web\n');
});

test('up of an invalid file reports the position and does not call the manager', async (t) => {
  const cwd = await mkdtemp(join(tmpdir(), 'shoal-up-'));
  t.teardown(() => rm(cwd, { recursive: true }));
  await writeFile(join(cwd, 'compose.yaml'), 'services:\n  web:\n    imag: x\n');
  const client = new FakeCluster(objects);
  const { error, code } = await runCommand(['up', '-d'], { client, cwd, env: {} });
  t.regex(error ?? '', /compose\.yaml:3:5: /u);
  t.is(code, 1);
  t.deepEqual(client.calls, []);
});

test('config pins images to the digests from their registries', async (t) => {
  const cwd = await mkdtemp(join(tmpdir(), 'shoal-config-'));
  t.teardown(() => rm(cwd, { recursive: true }));
  const services = '{web: {image: "web"}, db: {image: "reg.example:5000/db:2", labels: {a: b}}}';
  await writeFile(join(cwd, 'compose.yaml'), `name: demo\nservices: ${services}\n`);
  const client = new FakeCluster(objects, { 'image.resolve': () => 'sha256:ab' });
  const run = { client, cwd, env: { HOME: cwd } };
  const whole = await runCommand(['config', '--resolve-image-digests'], run);
  t.is(whole.error, undefined);
  t.regex(whole.stdout, /image: docker\.io\/library\/web:latest@sha256:ab\n/u);
  t.regex(whole.stdout, /image: reg\.example:5000\/db:2@sha256:ab\n[^]*a: b\n/u);
  const lock = await runCommand(['config', '--lock-image-digests', '--format', 'json'], run);
  t.deepEqual(JSON.parse(lock.stdout), {
    services: {
      db: { image: 'reg.example:5000/db:2@sha256:ab' },
      web: { image: 'docker.io/library/web:latest@sha256:ab' },
    },
  });
});

test('up binds an image before its tasks exist, or once they have pulled it', async (t) => {
  const cwd = await mkdtemp(join(tmpdir(), 'shoal-up-'));
  t.teardown(() => rm(cwd, { recursive: true }));
  await writeFile(join(cwd, 'compose.yaml'), 'name: demo\nservices: {web: {image: "web:1"}}\n');
  let asked = 0;
  const client = new FakeCluster(objects, {
    'project.apply': () => ({ changes: [], orphans: [] }),
    'image.find': () => [],
    'image.record': () => {
      asked += 1;
      if (asked === 1) return { isRecorded: false };
      return { isRecorded: true, problem: 'other contents than the recorded one are on n1 (ab)' };
    },
  });
  const { stderr } = await runCommand(['up', '-d'], { client, cwd, env: { HOME: cwd } });
  const names = client.calls.map(({ name }) => name);
  t.deepEqual(
    names.filter((name) => name === 'image.record' || name === 'project.apply'),
    ['image.record', 'project.apply', 'image.record'],
  );
  t.regex(
    stderr,
    /image web:1: other contents than the recorded one are on n1 \(ab\); build, pull or load it again/u,
  );
});

test('services that always pull are bound to no content', (t) => {
  const services = {
    a: { image: 'x' },
    b: { image: 'x' },
    c: { image: 'y', pull_policy: 'always' },
  };
  const project = { name: 'demo', services } as unknown as Project;
  t.deepEqual(imagesToBind(project, ['a', 'b', 'c']), ['x']);
});
