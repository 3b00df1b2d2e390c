import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { aServiceSpec } from '../../fixtures/cluster/build.js';
import { ManagerHttpClient } from '../../manager/common/protocol/transport-call.js';
import type { Task } from '../../manager/common/model/task.js';
import { FakeWorker } from '../helpers/fakes/fake-worker.js';
import type { TestPki } from '../helpers/pki/pki.js';
import { isManagerOf } from '../helpers/pki/pki.js';
import { createManagerPki } from '../helpers/managers/test-manager.js';
import { until } from '../helpers/until.js';
import { anApply } from '../helpers/managers/project-apply.js';

const program = fileURLToPath(new URL('../../cli/main.js', import.meta.url));

let pki: TestPki;

test.before(async () => {
  pki = await createManagerPki();
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A manager's folder with settings and keys, and a port that was free a moment ago. */
async function prepare(t: ExecutionContext): Promise<{ folder: string; port: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-manager-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const port = await freePort();
  const { ca, cert, key } = await pki.node('manager', 'm1');
  await writeFile(join(folder, 'ca.pem'), ca);
  await writeFile(join(folder, 'cert.pem'), cert);
  await writeFile(join(folder, 'key.pem'), key, { mode: 0o600 });
  await writeSettings(folder, port, 'c1');
  return { folder, port };
}

async function writeSettings(folder: string, port: number, clusterId: string): Promise<void> {
  const settings = {
    clusterId,
    clusterName: 'test',
    nodeId: 'm1',
    listen: `127.0.0.1:${port}`,
    advertise: `127.0.0.1:${port}`,
    dataDir: join(folder, 'data'),
    pki: {
      ca: join(folder, 'ca.pem'),
      cert: join(folder, 'cert.pem'),
      key: join(folder, 'key.pem'),
    },
    strategy: 'spread',
  };
  await writeFile(join(folder, 'manager.json'), JSON.stringify(settings));
}

interface Running {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly exit: Promise<number | null>;
}

function start(t: ExecutionContext, folder: string): Running {
  const config = join(folder, 'manager.json');
  const child = spawn(process.execPath, [program, 'manager', '--config', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  t.teardown(() => {
    child.kill('SIGKILL');
  });
  let text = '';
  child.stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const exit = once(child, 'close').then(([code]) => code as number | null);
  return { child, output: () => text, exit };
}

async function ready(running: Running): Promise<void> {
  await until('the manager is ready', 20_000, () => running.output().includes('manager is ready'));
}

async function caller(t: ExecutionContext, port: number): Promise<ManagerHttpClient> {
  const made = new ManagerHttpClient({
    address: `127.0.0.1:${port}`,
    tls: await pki.client('ada'),
    verifyPeer: isManagerOf('c1'),
  });
  t.teardown(() => {
    made.close();
  });
  return made;
}

function apply(client: ManagerHttpClient): Promise<unknown> {
  const body = anApply({ services: [aServiceSpec('web', { replicas: 2 })] });
  return client.call({ path: '/v1/call/project.apply', body, timeoutMs: 10_000 });
}

async function taskIds(
  client: ManagerHttpClient,
  state: Task['status']['state'],
): Promise<string[]> {
  const body = { project: 'demo' };
  const tasks = await client.call({ path: '/v1/call/task.list', body, timeoutMs: 10_000 });
  return (tasks as Task[]).filter((task) => task.status.state === state).map(({ id }) => id);
}

test('a killed manager recovers its cluster after a restart, and tasks go on', async (t) => {
  const { folder, port } = await prepare(t);
  const first = start(t, folder);
  await ready(first);
  const tls = await pki.node('worker', 'w1');
  const join = (): Promise<FakeWorker> =>
    FakeWorker.join({ port, clusterId: 'c1', nodeId: 'w1', tls });
  const worker = await join();
  const client = await caller(t, port);
  await apply(client);
  await until('two running', 20_000, async () => (await taskIds(client, 'running')).length === 2);
  const before = await taskIds(client, 'running');
  const status = await readFile(`/proc/${String(first.child.pid)}/status`, 'utf8');
  const rssKb = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
  t.true(rssKb < 150 * 1024, `uses ${Math.round(rssKb / 1024)} MB`);
  first.child.kill('SIGKILL');
  await first.exit;
  await worker.ended;
  const second = start(t, folder);
  await ready(second);
  const rejoined = await join();
  t.teardown(() => {
    rejoined.leave();
  });
  const again = await caller(t, port);
  await until('both running', 20_000, async () => (await taskIds(again, 'running')).length === 2);
  t.deepEqual(await taskIds(again, 'running'), before);
  second.child.kill('SIGTERM');
  t.is(await second.exit, 0);
  t.regex(second.output(), /manager has stopped/);
});

test('a second manager on the same port exits with an error and does no harm', async (t) => {
  const { folder, port } = await prepare(t);
  const first = start(t, folder);
  await ready(first);
  const second = start(t, folder);
  t.is(await second.exit, 1);
  t.regex(second.output(), new RegExp(`listen 127.0.0.1:${port}: address already in use`));
  const client = await caller(t, port);
  await t.notThrowsAsync(apply(client));
});

test('a store of another cluster is refused', async (t) => {
  const { folder, port } = await prepare(t);
  const first = start(t, folder);
  await ready(first);
  first.child.kill('SIGTERM');
  await first.exit;
  await writeSettings(folder, port, 'c2');
  const second = start(t, folder);
  t.is(await second.exit, 1);
  t.regex(second.output(), /belongs to cluster test \(c1\), not to test \(c2\)/);
});

test('missing settings give a one-line error with file and key', async (t) => {
  const { folder } = await prepare(t);
  await writeFile(join(folder, 'manager.json'), '{"clusterId":"c1"}');
  const running = start(t, folder);
  t.is(await running.exit, 1);
  t.regex(running.output(), /^shoal: .*manager\.json: (?:pki|clusterName) must be .*\n$/);
});
