import test from 'ava';
import { buildArchive } from '../../fixtures/images/archive.js';
import { busyboxImage, busyboxReference } from '../../fixtures/images/busybox.js';
import { loadImages } from '../../fixtures/images/load.js';
import { openLab } from '../../fixtures/lab/lab.js';
import type { Machine } from '../../fixtures/lab/machine.js';
import { waitFor } from '../../fixtures/lab/wait.js';
import { todoImages } from '../../fixtures/todo-app/images.js';
import { machineTest } from '../helpers/lab/machine-test.js';

const lab = openLab({ name: 'todotest', subnet: '10.98.104' });

test.before(() => lab.down());
test.after.always(() => lab.down());

/** Starts the application on a plain engine; returns the front end's base URL. */
async function start(machine: Machine): Promise<string> {
  const docker = (...args: string[]): Promise<string> => machine.output(['docker', ...args]);
  await docker('network', 'create', 'todo');
  for (const name of ['redis-master', 'redis-slave'])
    await docker('run', '-d', '--net', 'todo', '--name', name, `todo-${name}`);
  await docker('run', '-d', '--net', 'todo', '--name', 'todoApp', '-p', '3000', 'todo-web');
  const port = /:(\d+)/.exec(await docker('port', 'todoApp', '3000'))?.[1] ?? '';
  return `http://${machine.address}:${port}`;
}

async function get(url: string): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  return { status: answer.status, body: await answer.json() };
}

machineTest('image builds are reproducible, and loading twice changes nothing', async (t) => {
  const [machine] = await lab.up(1);
  if (!machine) throw new Error('no machine was created');
  const archive = await buildArchive([await busyboxImage(), ...(await todoImages())]);
  const rebuilt = await buildArchive([await busyboxImage(), ...(await todoImages())]);
  t.deepEqual(rebuilt, archive);
  await loadImages(archive, [machine]);
  await loadImages(archive, [machine]);
  for (const { reference, id } of archive.images) {
    const seen = await machine.output(['docker', 'image', 'inspect', '-f', '{{.Id}}', reference]);
    t.is(seen.trim(), id);
  }
});

machineTest('the application finds its databases by name and keeps its items', async (t) => {
  const machine = lab.machine('node-1');
  const url = await start(machine);
  await waitFor('the databases', async () => {
    const { body } = await get(`${url}/health`);
    return Object.values(body as object).every((word) => word === 'ok');
  });
  const page = await fetch(url);
  t.regex(await page.text(), /<title>Todo list<\/title>/);
  t.deepEqual((await get(`${url}/insert/todo/buy%20milk`)).body, ['buy milk']);
  t.deepEqual((await get(`${url}/insert/todo/%3Cb%3E%2Fx`)).body, ['buy milk', '<b>/x']);
  t.deepEqual((await get(`${url}/delete/todo/buy%20milk`)).body, ['<b>/x']);

  await machine.output(['docker', 'restart', '-t', '5', 'redis-master']);
  await waitFor('the restarted master', async () => {
    const { body } = await get(`${url}/insert/other/x`);
    return Array.isArray(body);
  });
  t.deepEqual((await get(`${url}/read/todo`)).body, ['<b>/x']);

  await machine.output(['docker', 'stop', '-t', '5', 'redis-slave']);
  t.is((await get(`${url}/read/todo`)).status, 500);
});

machineTest('the front end exits at once on SIGTERM', async (t) => {
  const machine = lab.machine('node-1');
  const started = performance.now();
  await machine.output(['docker', 'stop', '-t', '10', 'todoApp']);
  t.true(performance.now() - started < 8000);
  const exitCode = await machine.output([
    'docker',
    'inspect',
    '-f',
    '{{.State.ExitCode}}',
    'todoApp',
  ]);
  t.is(exitCode.trim(), '0');
});

machineTest('the busybox image serves, fetches and resolves', async (t) => {
  const machine = lab.machine('node-1');
  const docker = (...args: string[]): Promise<string> => machine.output(['docker', ...args]);
  const serve = 'echo hello >/var/www/index.html; exec httpd -f -p 80 -h /var/www';
  await docker('run', '-d', '--net', 'todo', '--name', 'web', busyboxReference, 'sh', '-c', serve);
  const ask =
    'wget -qO- http://web/; nslookup web >/dev/null; getent hosts web; echo | nc -w 2 web 80 >/dev/null; ping -c1 -W1 web >/dev/null; echo $?';
  const output = await docker('run', '--rm', '--net', 'todo', busyboxReference, 'sh', '-ec', ask);
  t.regex(output, /^hello\n[\d.]+ +web\n0\n$/);
});
