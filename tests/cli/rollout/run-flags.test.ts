import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { RunFlags } from '../../../cli/rollout/run-flags.js';
import { oneOffOptions } from '../../../cli/rollout/run-flags.js';

const plain: RunFlags = { deps: true, tty: true, TTY: true };
const project = { environment: { HOST: 'outer' }, volumes: {} };

test('later variable files win over earlier ones, and -e over all files', async (t) => {
  const cwd = await mkdtemp(join(tmpdir(), 'shoal-run-'));
  t.teardown(() => rm(cwd, { recursive: true }));
  await writeFile(join(cwd, 'a.env'), '# comment\nA=1\nB="two words"\nC=${HOST}/c\nHOST\n');
  await writeFile(join(cwd, 'b.env'), 'A=2\nD=$A\n');
  const options = oneOffOptions({ cwd, env: { SHELL_ONLY: 's' } }, project, ['true'], {
    ...plain,
    envFromFile: ['a.env', join(cwd, 'b.env')],
    env: ['B=flag', 'SHELL_ONLY'],
  });
  t.deepEqual(options.env, {
    A: '2',
    B: 'flag',
    C: 'outer/c',
    HOST: 'outer',
    D: '2',
    SHELL_ONLY: 's',
  });
});

test('a missing or malformed variable file is an error with its name', async (t) => {
  const cwd = await mkdtemp(join(tmpdir(), 'shoal-run-'));
  t.teardown(() => rm(cwd, { recursive: true }));
  await writeFile(join(cwd, 'bad.env'), 'A=1\nB="no end\n');
  const options = (file: string) => () =>
    oneOffOptions({ cwd, env: {} }, project, [], { ...plain, envFromFile: [file] });
  t.throws(options('none.env'), { message: '--env-from-file none.env: no such file' });
  t.throws(options('bad.env'), { message: /bad\.env:2/ });
});

test('both spellings of labels and volumes are used', (t) => {
  const flags = { ...plain, label: ['a=1'], labels: ['b'], volume: ['v:/v'], volumes: ['w:/w'] };
  const { labels, volumes } = oneOffOptions({ cwd: '/', env: {} }, project, [], flags);
  t.deepEqual(labels, { a: '1', b: '' });
  t.deepEqual(volumes, ['v:/v', 'w:/w']);
});

test('--publish and --service-ports exclude each other', (t) => {
  const flags = { ...plain, publish: ['80:80'], servicePorts: true };
  t.throws(() => oneOffOptions({ cwd: '/', env: {} }, project, [], flags), {
    message: '--publish and --service-ports are incompatible',
  });
});
