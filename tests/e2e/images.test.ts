import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { buildArchive } from '../../fixtures/images/archive.js';
import { busyboxImage } from '../../fixtures/images/busybox.js';
import { loadImages } from '../../fixtures/images/load.js';
import { findRegistry, RegistryServer, registryUser } from '../../fixtures/registry/server.js';
import type { E2eCluster } from '../helpers/lab/e2e-cluster.js';
import { machineTest } from '../helpers/lab/machine-test.js';
import {
  leaveSharedCluster,
  openSharedCluster,
  registryAddress,
} from '../helpers/lab/shared-cluster.js';

/* These machines reach no outside registry: they have only loaded and built images. */

let cluster: E2eCluster;

const hasLab = process.platform === 'linux' && process.getuid?.() === 0;
const program = hasLab ? await findRegistry() : { missing: 'needs lab machines' };

test.before(async () => {
  if (hasLab) cluster = await openSharedCluster();
});

test.after.always(async () => {
  await leaveSharedCluster(cluster);
});

machineTest('an image on one machine is copied to every machine that runs it', async (t) => {
  const [first] = cluster.machines();
  if (first === undefined) throw new Error('no machine');
  const only = { ...(await busyboxImage()), reference: 'only-here:1' };
  await loadImages(await buildArchive([only]), [first]);
  const folder = await cluster.project(
    'spread',
    'services:\n  a:\n    image: only-here:1\n    command: sleep 1000\n    stop_grace_period: 1s\n    deploy: {mode: global}\n',
  );
  const up = await cluster.run(['up', '-d'], folder);
  t.is(up.code, 0, up.stderr);
  const rows = await cluster.ps([], folder);
  t.deepEqual(rows.map(({ Node, State }) => `${Node} ${State}`).sort(), [
    'node-1 running',
    'node-2 running',
    'node-3 running',
  ]);
  await cluster.output(['down', '--rmi', 'all'], folder);
  const left = await cluster.outputOnAll(['docker', 'images', '-q', 'only-here']);
  t.deepEqual([...left.values()], ['', '', '']);
});

machineTest('an image that no machine has fails with the reason', async (t) => {
  const folder = await cluster.project(
    'nowhere',
    'services:\n  a:\n    image: nowhere.invalid/x:1\n    command: sleep 1000\n',
  );
  const up = await cluster.run(['up', '-d'], folder);
  t.is(up.code, 1);
  t.regex(up.stderr, /nowhere\.invalid\/x:1 .*no other node of the cluster has it/u);
  await cluster.output(['down'], folder);
});

async function buildProject(word: string): Promise<string> {
  const folder = await cluster.project(
    'built',
    [
      'services:',
      '  web:',
      '    build:',
      '      context: ./app',
      '      args: {WORD: from-file}',
      '      labels: {made: here}',
      '    command: sleep 1000',
      '    stop_grace_period: 1s',
      '    deploy: {mode: global}',
      '',
    ].join('\n'),
  );
  const app = join(folder, 'app');
  await mkdir(app, { recursive: true });
  await writeFile(join(app, 'Dockerfile'), dockerfile);
  await writeFile(join(app, '.dockerignore'), '*.secret\n!kept.secret\n');
  await writeFile(join(app, 'word'), word);
  await writeFile(join(app, 'hidden.secret'), 'x');
  await writeFile(join(app, 'kept.secret'), 'y');
  return folder;
}

const dockerfile = [
  'FROM shoal-test/busybox:latest',
  'ARG WORD',
  'COPY . /app',
  'RUN echo "$WORD" > /arg',
  '',
].join('\n');

machineTest('up builds a missing image from a local folder for all machines', async (t) => {
  const folder = await buildProject('one');
  const up = await cluster.run(['up', '-d'], folder);
  t.is(up.code, 0, up.stderr);
  for (const index of ['1', '2', '3']) {
    const seen = await cluster.output(
      ['exec', '-T', '--index', index, 'web', 'sh', '-c', 'cat /app/word /arg; ls -A /app'],
      folder,
    );
    t.is(
      seen.replaceAll(/\s+/gu, ' ').trim(),
      'onefrom-file .dockerignore Dockerfile kept.secret word',
    );
  }
});

machineTest('a new build reaches all machines, and an identical one changes nothing', async (t) => {
  const folder = await buildProject('two');
  const up = await cluster.run(['up', '-d', '--build'], folder);
  t.is(up.code, 0, up.stderr);
  const before = await cluster.ps([], folder);
  for (const index of ['1', '2', '3']) {
    const seen = await cluster.output(
      ['exec', '-T', '--index', index, 'web', 'cat', '/app/word'],
      folder,
    );
    t.is(seen, 'two');
  }
  const rebuilt = await cluster.run(['up', '-d', '--build'], folder);
  t.is(rebuilt.code, 0, rebuilt.stderr);
  t.deepEqual(
    (await cluster.ps([], folder)).map(({ ID }) => ID),
    before.map(({ ID }) => ID),
  );
});

machineTest('build reports its failure and takes arguments', async (t) => {
  const folder = await buildProject('three');
  const failed = join(folder, 'app', 'Dockerfile');
  await writeFile(failed, `${await readFile(failed, 'utf8')}RUN test "$WORD" = right\n`);
  const wrong = await cluster.run(['build'], folder);
  t.is(wrong.code, 1);
  t.regex(
    wrong.stderr.trim().split('\n').at(-1) ?? '',
    /service web: build of built-web failed: .*non-zero code: 1/u,
  );
  const right = await cluster.run(['build', '-q', '--build-arg', 'WORD=right'], folder);
  t.is(right.code, 0, right.stderr);
  await cluster.output(['down'], folder);
});

machineTest(
  'a build takes secrets and additional contexts, and keeps no secret in the image',
  async (t) => {
    const folder = await cluster.project(
      'beside',
      [
        'services:',
        '  base: {image: "beside-base:1", build: {context: base}}',
        '  app:',
        '    image: beside:1',
        '    build:',
        '      context: .',
        '      secrets: [token]',
        '      additional_contexts: {lib: ./lib, basis: "service:base"}',
        'secrets:',
        '  token: {file: ./token}',
        '',
      ].join('\n'),
    );
    for (const name of ['base', 'lib']) await mkdir(join(folder, name), { recursive: true });
    const write = (name: string, ...lines: readonly string[]) =>
      writeFile(join(folder, name), `${lines.join('\n')}\n`);
    await write('base/Dockerfile', 'FROM shoal-test/busybox:latest', 'RUN echo base > /base');
    await write('lib/one', 'from lib');
    await write('token', 'very secret');
    await write(
      'Dockerfile',
      'FROM basis',
      'COPY --from=lib / /lib',
      'RUN --mount=type=secret,id=token wc -c </run/secrets/token >/length',
    );
    const built = await cluster.run(['build', '-q', 'app'], folder);
    t.is(built.code, 0, built.stderr);
    const ran = await cluster.run(
      ['run', '--rm', '--no-deps', 'app', 'cat', '/base', '/lib/one', '/length'],
      folder,
    );
    t.is(ran.stdout, 'base\nfrom lib\n12\n', ran.stderr);
    const builder = cluster.machines()[0];
    const history = (await builder?.output(['docker', 'history', '--no-trunc', 'beside:1'])) ?? '';
    t.regex(history, /run\/secrets\/token/u);
    t.notRegex(history, /very secret/u);
    await cluster.output(['down'], folder);
  },
);

machineTest('run, cp, export, pause and wait work on containers', async (t) => {
  const folder = await cluster.project(
    'tools',
    [
      'services:',
      '  web:',
      '    image: shoal-test/busybox:latest',
      '    command: sleep 1000',
      '    stop_grace_period: 1s',
      '  job:',
      '    image: shoal-test/busybox:latest',
      '    command: sh -c "sleep 4; exit 3"',
      '    profiles: [job]',
      '',
    ].join('\n'),
  );
  const created = await cluster.run(['create'], folder);
  t.is(created.code, 0, created.stderr);
  t.deepEqual(
    (await cluster.ps([], folder)).map(({ State }) => State),
    ['created'],
  );
  await cluster.output(['up', '-d'], folder);
  const ran = await cluster.run(
    ['run', '--rm', '-e', 'A=b c', '-w', '/tmp', 'web', 'sh', '-c', 'echo "$A"; pwd; exit 7'],
    folder,
  );
  t.is(ran.code, 7, ran.stderr);
  t.is(ran.stdout, 'b c\n/tmp\n');
  t.is((await cluster.ps([], folder)).length, 1);

  await writeFile(join(folder, 'sent'), 'sent from here');
  await cluster.output(['cp', 'sent', 'web:/tmp/'], folder);
  t.is(await cluster.output(['exec', '-T', 'web', 'cat', '/tmp/sent'], folder), 'sent from here');
  await cluster.output(['cp', 'web:/tmp/sent', 'back'], folder);
  t.is(await readFile(join(folder, 'back'), 'utf8'), 'sent from here');
  await cluster.output(['export', '-o', join(folder, 'all.tar'), 'web'], folder);
  t.true((await readFile(join(folder, 'all.tar'))).includes('tmp/sent'));

  await cluster.output(['pause'], folder);
  t.regex((await cluster.ps([], folder))[0]?.State ?? '', /paused/u);
  await cluster.output(['unpause'], folder);
  t.is((await cluster.ps([], folder))[0]?.State, 'running');

  await cluster.output(['--profile', 'job', 'up', '-d', 'job'], folder);
  const waited = await cluster.run(['wait', 'job'], folder);
  t.is(waited.code, 3, waited.stderr);
  await cluster.output(['down'], folder);
});

const registryTest: typeof machineTest = 'path' in program ? machineTest : test.skip;

/** Gives the CLI the credentials of the registry, as `docker login` does. */
async function logIn(): Promise<void> {
  const { username, password } = registryUser;
  const auth = Buffer.from(`${username}:${password}`).toString('base64');
  const config = JSON.stringify({ auths: { [registryAddress]: { auth } } });
  await mkdir(join(cluster.home, '.docker'), { recursive: true });
  await writeFile(join(cluster.home, '.docker', 'config.json'), config);
}

registryTest('images are pushed to a private registry and pulled again by up', async (t) => {
  if (!('path' in program)) throw new Error(program.missing);
  const registry = await RegistryServer.start(program.path, registryAddress);
  t.teardown(() => registry.stop());
  const image = `${registryAddress}/shop/app:1`;
  const service = (more: string) =>
    `services:\n  app:\n    image: ${image}\n    command: sleep 1000\n    stop_grace_period: 1s\n${more}`;
  const source = await cluster.project('pushed', service('    build: .\n'));
  const write = (word: string) =>
    writeFile(
      join(source, 'Dockerfile'),
      `FROM shoal-test/busybox:latest\nRUN echo ${word} > /word\n`,
    );
  await write('one');
  await cluster.output(['build', '-q'], source);
  const refused = await cluster.run(['push'], source);
  t.is(refused.code, 1);
  t.regex(refused.stderr, /no basic auth credentials/u);

  await logIn();
  await cluster.output(['push', '-q'], source);
  t.is((await registry.get('/v2/shop/app/manifests/1')).status, 200);

  const pinned = await cluster.output(['config', '--resolve-image-digests'], source);
  t.regex(pinned, /shop\/app:1@sha256:[0-9a-f]{64}\n/u);

  const forget = () => cluster.outputOnAll(['docker', 'image', 'rm', '-f', image]);
  await forget();
  const folder = await cluster.project('private', service('    deploy: {mode: global}\n'));
  const word = (index: string) =>
    cluster.output(['exec', '-T', '--index', index, 'app', 'cat', '/word'], folder);
  const plan = await cluster.output(['up', '--dry-run'], folder);
  t.regex(plan, /container private-app-2: create on node-2 \(.+\); node-2: /u);
  await cluster.output(['up', '-d'], folder);
  t.deepEqual(await Promise.all(['1', '2', '3'].map(word)), ['one\n', 'one\n', 'one\n']);

  await write('two');
  await cluster.output(['build', '-q', '--push'], source);
  await cluster.output(['up', '-d', '--pull', 'always'], folder);
  t.deepEqual(await Promise.all(['1', '2', '3'].map(word)), ['two\n', 'two\n', 'two\n']);
  await cluster.output(['down'], folder);
});

const manifestType = 'application/vnd.docker.distribution.manifest.v2+json';
const indexType = 'application/vnd.docker.distribution.manifest.list.v2+json';

/** Pushes versions of `shop/NAME`, each under its own tag, and removes them from the cluster. */
async function publish(name: string, versions: readonly string[]): Promise<void> {
  for (const version of versions) {
    const image = `${registryAddress}/shop/${name}:${version}`;
    const folder = await cluster.project(
      `publish-${version}`,
      `services:\n  app:\n    image: ${image}\n    build: .\n`,
    );
    const lines = ['FROM shoal-test/busybox:latest', `RUN echo ${version} > /word`, ''];
    await writeFile(join(folder, 'Dockerfile'), lines.join('\n'));
    await cluster.output(['build', '-q', '--push'], folder);
    await cluster.output(['down', '--rmi', 'all'], folder);
  }
}

/** Moves a tag of the registry, as a push from another computer does; returns the new digest. */
async function moveTag(
  registry: RegistryServer,
  name: string,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<string> {
  const path = `/v2/shop/${name}/manifests`;
  const manifest = await registry.get(`${path}/${from}`, manifestType);
  const content = await manifest.text();
  const digest = manifest.headers.get('docker-content-digest') ?? '';
  const size = Buffer.byteLength(content);
  const ofPlatform = (architecture: string) => ({
    ...{ mediaType: manifestType, size, digest },
    platform: { os: 'linux', architecture },
  });
  const manifests = ['amd64', 'arm64'].map(ofPlatform);
  const index = JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests });
  await registry.putManifest(`${path}/${to}`, indexType, index);
  const moved = await registry.get(`${path}/${to}`, indexType);
  return moved.headers.get('docker-content-digest') ?? '';
}

registryTest('a deployment runs one version on all nodes although its tag moves', async (t) => {
  if (!('path' in program)) throw new Error(program.missing);
  const registry = await RegistryServer.start(program.path, registryAddress);
  t.teardown(() => registry.stop());
  await logIn();
  await publish('pin', ['old', 'new']);
  const first = await moveTag(registry, 'pin', { from: 'old', to: '1' });
  const image = `${registryAddress}/shop/pin:1`;
  const on = async (deploy: string) =>
    cluster.project(
      'pinned',
      `services:\n  app:\n    image: ${image}\n    command: sleep 1000\n    stop_grace_period: 1s\n    deploy: ${deploy}\n`,
    );
  const folder = await on('{placement: {constraints: [node.hostname == node-1]}}');
  const words = async () => {
    const { length } = await cluster.ps([], folder);
    const indexes = Array.from({ length }, (_, index) => String(index + 1));
    const word = (index: string) =>
      cluster.output(['exec', '-T', '--index', index, 'app', 'cat', '/word'], folder);
    return (await Promise.all(indexes.map(word))).map((text) => text.trim());
  };
  await cluster.output(['up', '-d'], folder);
  t.deepEqual(await words(), ['old']);
  t.true((await cluster.output(['explain'], folder)).includes(`image ${image}@${first}`));
  t.true((await cluster.output(['ps', '--no-trunc'], folder)).includes(`${image}@${first}`));

  const second = await moveTag(registry, 'pin', { from: 'new', to: '1' });
  t.not(second, first);
  await on('{mode: global}');
  await cluster.output(['up', '-d'], folder);
  t.deepEqual(await words(), ['old', 'old', 'old'], 'also on nodes that pull later');
  const ids = async () => (await cluster.ps([], folder)).map(({ ID }) => ID);
  const before = await ids();
  await cluster.output(['up', '-d'], folder);
  t.deepEqual(await ids(), before, 'an unchanged project keeps its containers');

  await cluster.output(['pull', '-q'], folder);
  t.deepEqual(await words(), ['old', 'old', 'old'], 'a pull changes no container');
  await cluster.output(['up', '-d'], folder);
  t.deepEqual(await words(), ['new', 'new', 'new']);
  t.true((await cluster.output(['explain'], folder)).includes(`image ${image}@${second}`));
  await cluster.output(['rollback'], folder);
  t.deepEqual(await words(), ['old', 'old', 'old'], 'a rollback runs the former digest');

  await registry.stop();
  const blind = await cluster.project(
    'blind',
    `services:\n  app:\n    image: ${registryAddress}/shop/other:1\n    command: sleep 1000\n`,
  );
  const up = await cluster.run(['up', '-d'], blind);
  t.is(up.code, 1);
  t.regex(up.stderr, /other:1: could not be accessed on a registry to record its digest; nodes/u);
  await cluster.output(['down'], blind);
  await cluster.output(['down', '--rmi', 'all'], folder);
});
