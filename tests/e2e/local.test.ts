import { copyFile } from 'node:fs/promises';
import test from 'ava';
import { buildArchive } from '../../fixtures/images/archive.js';
import { findDockerCompose } from '../../fixtures/docker-compose/program.js';
import { busyboxImage } from '../../fixtures/images/busybox.js';
import { loadImages } from '../../fixtures/images/load.js';
import { openLab } from '../../fixtures/lab/lab.js';
import type { Machine } from '../../fixtures/lab/machine.js';
import { copyProgram } from '../helpers/program/checkout.js';
import { machineTest } from '../helpers/lab/machine-test.js';

/* One machine with an engine and no cluster stands in for a laptop; the program runs on it. */

const lab = openLab({ name: 'localtst', subnet: '10.98.108' });
let main = '';
const dockerCompose = await findDockerCompose();
/** Skipped unless `fixtures/docker-compose/install` has installed the program. */
const composeTest: typeof machineTest = 'path' in dockerCompose ? machineTest : test.serial.skip;
const hasLab = process.platform === 'linux' && process.getuid?.() === 0;

const compose = `
services:
  db:
    image: shoal-test/busybox
    command: sh -c "echo db is up; echo hello > /tmp/page; exec httpd -f -p 80 -h /tmp"
    init: true
    stop_grace_period: 1s
    volumes: ['data:/data']
    healthcheck: {test: wget -q -O /dev/null http://127.0.0.1/page, interval: 1s, retries: 10}
  web:
    image: shoal-test/busybox
    command: sleep 100000
    init: true
    depends_on: {db: {condition: service_healthy}}
    ports: ['8095:80']
    stop_grace_period: 1s
volumes: {data: {}}
`;

test.before(async () => {
  if (!hasLab) return;
  await lab.down();
  await lab.up(1);
  main = copyProgram(machine());
  await loadImages(await buildArchive([await busyboxImage()]), [machine()]);
  await machine().output(['sh', '-c', 'mkdir -p /srv/demo && cat > /srv/demo/compose.yaml'], {
    stdin: compose,
  });
  await machine().output(['sh', '-c', 'cp /srv/demo/compose.yaml /srv/demo/other.yaml']);
});

test.after.always(async () => {
  if (hasLab) await lab.down();
});

function machine(): Machine {
  return lab.machine('node-1');
}

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function shoal(...argv: readonly string[]): Promise<Result> {
  const { exitCode, stdout, stderr } = await machine().exec([
    ...['env', '--chdir=/srv/demo', 'HOME=/root', process.execPath, main, ...argv],
  ]);
  return { code: exitCode, stdout, stderr };
}

machineTest('commands without a cluster suggest what to do', async (t) => {
  const { code, stderr } = await shoal('ps');
  t.is(code, 1);
  t.regex(stderr, /^shoal: no cluster is configured and none runs here: "shoal up"/u);
});

machineTest('up starts a local cluster and reports it', async (t) => {
  const up = await shoal('up', '-d', '--wait');
  t.is(up.code, 0, up.stderr);
  t.regex(up.stderr, /^no cluster is configured: starting a manager and a worker/u);
  t.regex(up.stderr, /Container demo-db-1 {2}Healthy/u);
  const ps = await shoal('ps', '--format', '{{.Name}} {{.State}}');
  t.is(ps.stdout, 'demo-db-1 running\ndemo-web-1 running\n');
  t.is((await shoal('exec', '-T', 'web', 'wget', '-q', '-O', '-', 'http://nosuch')).code, 1);
  const page = await shoal('exec', '-T', 'web', 'wget', '-q', '-O', '-', 'http://db/page');
  t.is(page.stdout, 'hello\n');
  t.regex((await shoal('logs', 'db')).stdout, /^db-1 +\| db is up\n$/u);
});

machineTest('containers keep running while the local daemons stop and start', async (t) => {
  const ids = async (): Promise<string> => machine().output(['docker', 'ps', '-q']);
  const before = await ids();
  t.is((await shoal('local', 'stop')).stdout, 'stopped\n');
  t.is((await shoal('local', 'stop')).stdout, 'not running\n');
  t.is((await shoal('ps')).code, 1);
  const restarted = await shoal('up', '-d');
  t.is(restarted.code, 0, restarted.stderr);
  t.is(await ids(), before);
  t.regex((await shoal('local', 'status')).stdout, /^manager: running .*\nworker: running /u);
});

/** Runs the real docker-compose on the machine, in the project's folder. */
async function dockerComposeRun(...argv: readonly string[]): Promise<string> {
  return machine().output([
    'env',
    '--chdir=/srv/demo',
    'HOME=/root',
    '/srv/docker-compose',
    ...argv,
  ]);
}

composeTest('docker-compose recognizes containers of up and leaves them unchanged', async (t) => {
  if ('path' in dockerCompose)
    await copyFile(dockerCompose.path, machine().file('/srv/docker-compose'));
  t.is((await shoal('up', '-d', '--wait')).code, 0);
  const listed = await dockerComposeRun('ps', '--format', '{{.Name}} {{.Service}} {{.State}}');
  t.is(listed, 'demo-db-1 db running\ndemo-web-1 web running\n');
  t.regex(await dockerComposeRun('ls'), /^demo +running\(2\) +\/srv\/demo\/compose.yaml$/mu);
  t.is(await dockerComposeRun('exec', '-T', 'web', 'echo', 'hello'), 'hello\n');
  const before = await machine().output(['docker', 'ps', '-q']);
  await dockerComposeRun('up', '-d');
  t.is(await machine().output(['docker', 'ps', '-q']), before);
});

composeTest('up reports docker-compose containers and takes them over with data', async (t) => {
  t.is((await shoal('down', '-v')).code, 0);
  await dockerComposeRun('up', '-d');
  await dockerComposeRun('exec', '-T', 'db', 'sh', '-c', 'echo kept > /data/file');
  const ps = await shoal('ps');
  t.regex(ps.stderr, /project demo: has containers created by docker compose: demo-/u);
  const other = await shoal('-f', '/srv/demo/other.yaml', 'up', '-d');
  t.is(other.code, 1);
  t.regex(
    other.stderr,
    /belongs to a project demo that docker compose created from \/srv\/demo\/compose.yaml; /u,
  );
  const up = await shoal('up', '-d', '--wait');
  t.is(up.code, 0, up.stderr);
  t.regex(up.stderr, /Container demo-db-1 {2}Removed/u);
  t.is((await shoal('exec', '-T', 'db', 'cat', '/data/file')).stdout, 'kept\n');
  const running = await dockerComposeRun('ps', '-a', '--format', '{{.Name}} {{.State}}');
  t.is(running, 'demo-db-1 running\ndemo-web-1 running\n');
});

machineTest('removing the local cluster leaves no container, network or daemon', async (t) => {
  const removed = await shoal('local', 'rm');
  t.is(removed.code, 0, removed.stderr);
  t.is(await machine().output(['docker', 'ps', '-aq']), '');
  const networks = await machine().output(['docker', 'network', 'ls', '--format', '{{.Name}}']);
  t.is(networks, 'bridge\nhost\nnone\n');
  t.is((await machine().exec(['pgrep', '-f', '/root/.shoal/local'])).exitCode, 1);
  t.is((await machine().exec(['ls', '/root/.shoal/local'])).exitCode, 2);
});
