import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const main = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
/** More than a pipe and the program's own buffers hold. */
const services = 3_000;

let folder = '';
let file = '';

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-output-'));
  file = join(folder, 'big.yaml');
  const names = Array.from({ length: services }, (_value, index) => `service-${index}`);
  const body = names.map((name) => `  ${name}: {image: 'registry.example/${name}:1'}\n`).join('');
  await writeFile(file, `name: big\nservices:\n${body}`);
});

test.after.always(async () => {
  await rm(folder, { recursive: true, force: true });
});

function start(stdout: 'pipe' | number): ChildProcess {
  return spawn(process.execPath, [main, '-f', file, 'config'], {
    env: { PATH: process.env.PATH, HOME: folder, SHOAL_HOME: folder },
    stdio: ['ignore', stdout, 'pipe'],
  });
}

test('output longer than a pipe reaches a slow reader completely', async (t) => {
  const child = start('pipe');
  const { stdout } = child;
  if (stdout === null) throw new Error('no stdout');
  // Without a reader the program blocks on the full pipe once it has written all it can.
  await once(stdout, 'readable');
  const closed = once(child, 'close') as Promise<[number | null]>;
  const all = await text(stdout);
  const [code] = await closed;
  t.is(code, 0);
  t.is(all.match(/^ {2}service-\d+:$/gmu)?.length, services);
});

test('a reader that closes the pipe ends the program silently', async (t) => {
  const child = start('pipe');
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error('no pipes');
  stdout.destroy();
  const closed = once(child, 'close') as Promise<[number | null]>;
  t.is(await text(stderr), '');
  t.is((await closed)[0], 141);
});

test('a failed write ends the program with the reason', async (t) => {
  const full = await open('/dev/full', 'w');
  try {
    const child = start(full.fd);
    const { stderr } = child;
    if (stderr === null) throw new Error('no stderr');
    const closed = once(child, 'close') as Promise<[number | null]>;
    t.regex(await text(stderr), /^shoal: stdout: ENOSPC[^\n]*\n$/u);
    t.is((await closed)[0], 1);
  } finally {
    await full.close();
  }
});
