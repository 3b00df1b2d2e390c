import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { findRegistry, RegistryServer, registryUser } from '../../fixtures/registry/server.js';
import { E2eCluster, resultOf } from '../helpers/lab/e2e-cluster.js';
import { machineTest } from '../helpers/lab/machine-test.js';
import type { ProgramResult } from '../helpers/program/shoal-program.js';

/* The stock docker client moves, builds and copies images and files of two machines. */

const subnet = '10.98.226';
const registryAddress = `${subnet}.1:5000`;
const busybox = 'shoal-test/busybox:latest';

let cluster: E2eCluster;
let env: Readonly<Record<string, string | undefined>> = {};

const hasLab = process.platform === 'linux' && process.getuid?.() === 0;

test.before(async () => {
  if (!hasLab) return;
  const flags = ['--engine-insecure-registry', registryAddress];
  cluster = await E2eCluster.create('dkrtest', subnet, flags, 2);
  const printed = await cluster.output(['env', '--shell', 'bash']);
  const exported = [...printed.matchAll(/^export (\w+)="(.*)"$/gmu)];
  env = {
    ...{ PATH: process.env.PATH, HOME: cluster.home, DOCKER_BUILDKIT: '0' },
    ...Object.fromEntries(exported.map(([, name = '', value = '']) => [name, value])),
  };
  const folder = await cluster.project(
    'files',
    `services:\n  web:\n    image: ${busybox}\n    command: sleep 10000\n    stop_grace_period: 1s\n    deploy: {mode: global}\n`,
  );
  await cluster.output(['up', '-d'], folder);
});

test.after.always(async () => {
  if (hasLab) await cluster.remove();
});

async function docker(...argv: readonly string[]): Promise<ProgramResult> {
  return resultOf(spawn('docker', argv, { env, stdio: ['ignore', 'pipe', 'pipe'] }));
}

/** Standard output of a docker command that must succeed, without its last line end. */
async function output(...argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await docker(...argv);
  if (code !== 0) throw new Error(`docker ${argv.join(' ')} ended with ${String(code)}: ${stderr}`);
  return stdout.trimEnd();
}

/** Image ids of a name on each machine's own engine, empty where it is absent. */
async function idsOf(image: string): Promise<readonly string[]> {
  const seen = await cluster.outputOnAll(['docker', 'images', '-q', '--no-trunc', image]);
  return [...seen.values()].map((id) => id.trim());
}

machineTest('an image is pushed, removed and pulled with credentials', async (t) => {
  const program = await findRegistry();
  if ('missing' in program) throw new Error(program.missing);
  const registry = await RegistryServer.start(program.path, registryAddress);
  t.teardown(() => registry.stop());
  const image = `${registryAddress}/bb:1`;
  await output('tag', busybox, image);
  t.not((await docker('push', image)).code, 0);
  const { username, password } = registryUser;
  await output('login', '-u', username, '-p', password, registryAddress);
  t.regex(await output('push', image), /1: digest: sha256:/u);
  t.regex(await output('rmi', image), /Untagged: .*bb:1/u);
  t.deepEqual(await idsOf(image), ['', '']);
  t.regex(await output('pull', image), /Status: Downloaded newer image/u);
  t.is((await idsOf(image)).filter((id) => id !== '').length, 1);
  const missing = await docker('pull', `${registryAddress}/nosuch:1`);
  t.regex(missing.stderr, /manifest for .*nosuch:1 not found/u);
  t.regex(await output('manifest', 'inspect', '--insecure', image), /"schemaVersion": 2/u);
});

machineTest('a build replaces older copies on the other machine', async (t) => {
  const context = join(cluster.home, 'context');
  await mkdir(context, { recursive: true });
  await writeFile(join(context, 'Dockerfile'), `FROM ${busybox}\nCOPY word /word\n`);
  await writeFile(join(context, 'word'), 'one');
  await output('build', '-t', 'built:1', context);
  const folder = await cluster.project(
    'built',
    'services:\n  a:\n    image: built:1\n    pull_policy: missing\n    command: sleep 10000\n    stop_grace_period: 1s\n    deploy: {mode: global}\n',
  );
  await cluster.output(['up', '-d'], folder);
  const [first, copy] = await idsOf('built:1');
  t.is(first, copy);
  await writeFile(join(context, 'word'), 'two');
  await output('build', '-t', 'built:1', context);
  const [rebuilt = '', replaced] = await idsOf('built:1');
  t.not(rebuilt, first);
  t.is(replaced, rebuilt);
  t.is(await output('image', 'inspect', '-f', '{{.Id}}', 'built:1'), rebuilt);
  await output('rmi', 'built:1');
  t.deepEqual(await idsOf('built:1'), ['', '']);
  await cluster.output(['down'], folder);
});

machineTest('images are saved, loaded and imported', async (t) => {
  const file = join(cluster.home, 'saved.tar');
  await output('save', '-o', file, busybox);
  t.regex(await output('load', '-i', file), /Loaded image: shoal-test\/busybox:latest/u);
  const flat = join(cluster.home, 'flat.tar');
  await output('export', '-o', flat, 'files-web-1');
  t.regex(await output('import', flat, 'flat:1'), /^sha256:/u);
  t.is(await output('images', '--format', '{{.Repository}}', '--filter', 'reference=flat'), 'flat');
  const changed = await output('commit', '-m', 'test', 'files-web-1', 'committed:1');
  t.is(await output('image', 'inspect', '-f', '{{.Id}}', 'committed:1'), changed);
  t.regex(await output('history', 'committed:1'), /test/u);
  for (const name of ['flat:1', 'committed:1']) await output('rmi', name);
  t.regex(await output('system', 'df'), /Images/u);
});

machineTest('files are copied in both directions and shown as changes', async (t) => {
  const file = join(cluster.home, 'word');
  await writeFile(file, 'hello');
  await output('cp', file, 'files-web-2:/tmp/word');
  t.is(await output('exec', 'files-web-2', 'cat', '/tmp/word'), 'hello');
  t.regex(await output('diff', 'files-web-2'), /A \/tmp\/word/u);
  await output('cp', 'files-web-2:/tmp/word', `${file}.back`);
  t.is(await readFile(`${file}.back`, 'utf8'), 'hello');
  const missing = await docker('cp', 'files-web-2:/nosuch', file);
  t.regex(missing.stderr, /Could not find the file \/nosuch/u);
  t.regex(await output('top', 'files-web-2'), /sleep 10000/u);
});

machineTest('a pause is visible to the next command', async (t) => {
  for (const verb of ['pause', 'unpause', 'pause']) await output(verb, 'files-web-1');
  const refused = await docker('exec', 'files-web-1', 'true');
  t.regex(refused.stderr, /is paused, unpause the container before exec/u);
  await output('unpause', 'files-web-1');
  const sizes = await output(
    'ps',
    '--size',
    '--filter',
    'name=^files-web-1$',
    '--format',
    '{{.Size}}',
  );
  t.regex(sizes, /^\d.*B \(virtual /u);
});
