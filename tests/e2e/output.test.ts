import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import test from 'ava';
import { builtProgram } from '../../fixtures/build/program.js';
import { waitFor } from '../../fixtures/lab/wait.js';
import type { E2eCluster } from '../helpers/lab/e2e-cluster.js';
import { machineTest } from '../helpers/lab/machine-test.js';
import { leaveSharedCluster, openSharedCluster } from '../helpers/lab/shared-cluster.js';

/* Bytes on their way from a process in a container to the reader of this program's output. */

const main = builtProgram();
const hasLab = process.platform === 'linux' && process.getuid?.() === 0;
const characters = 'äö€'.repeat(9_000);
const compose = `
name: output
services:
  web:
    image: shoal-test/busybox
    stop_grace_period: 1s
    logging: {driver: local}
    environment: {TEXT: 'äö€'}
    command: ["sh", "-c", "i=0; while [ $$i -lt 9000 ]; do printf $$TEXT; i=$$((i+1)); done; echo; printf 'bad\\\\377\\\\r\\\\n'; echo end; sleep 100000"]
  silent:
    image: shoal-test/busybox
    logging: {driver: none}
    profiles: [once]
    command: "true"
`;

let cluster: E2eCluster;
let folder: string;

interface BinaryResult {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** Runs a command; its output is not read before the pipe holds some. */
async function run(
  argv: readonly string[],
  input: Uint8Array | string = '',
): Promise<BinaryResult> {
  const child = spawn(process.execPath, [main, ...argv], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: cluster.home, SHOAL_HOME: cluster.home },
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const closed = once(child, 'close') as Promise<[number | null]>;
  const errors = buffer(child.stderr);
  await Promise.race([once(child.stdout, 'readable'), closed]);
  const stdout = await buffer(child.stdout);
  return { code: (await closed)[0], stdout, stderr: await errors };
}

test.before(async () => {
  if (!hasLab) return;
  cluster = await openSharedCluster();
  folder = await cluster.project('output', compose);
  await cluster.output(['up', '-d'], folder);
});

test.after.always(async () => {
  if (hasLab) await cluster.output(['down', '-v', '-t', '0'], folder);
  await leaveSharedCluster(cluster);
});

machineTest('exec passes every byte on, and its exit code after the last one', async (t) => {
  const script = 'head -c 50000000 /dev/zero; echo problem >&2; exit 3';
  const { code, stdout, stderr } = await run(['exec', '-T', 'web', 'sh', '-c', script]);
  t.is(code, 3);
  t.is(stdout.length, 50_000_000);
  t.is(stderr.toString(), 'problem\n');
});

machineTest('an archive and a backup on a pipe are complete', async (t) => {
  const made = await run(['exec', '-T', 'web', 'sh', '-c', 'head -c 5000000 /dev/zero > /big']);
  t.is(made.code, 0);
  const copied = await run(['cp', 'web:/big', '-']);
  t.is(copied.code, 0);
  // A tar archive ends with two empty blocks.
  t.true(copied.stdout.length >= 512 + 5_000_000 + 1_024);
  t.is((await run(['export', 'web'])).code, 0);
  const backup = await run(['store', 'backup', '-']);
  const file = join(cluster.home, 'piped.backup');
  await writeFile(file, backup.stdout);
  t.is((await run(['store', 'verify', file])).code, 0);
});

machineTest('run passes streams through unchanged, each to its own', async (t) => {
  const bytes = randomBytes(3_000_000);
  const echoed = await run(['run', '--rm', '-T', 'web', 'cat'], bytes);
  t.is(echoed.code, 0);
  t.true(echoed.stdout.equals(bytes));
  const script =
    'i=0; while [ $i -lt 300 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done; printf x; exit 7';
  const both = await run(['run', '--rm', '-T', 'web', 'sh', '-c', script]);
  const numbers = (letter: string): string =>
    Array.from({ length: 300 }, (_value, index) => `${letter}${index}\n`).join('');
  t.is(both.stdout.toString(), `${numbers('o')}x`);
  t.is(both.stderr.toString(), numbers('e'));
  t.is(both.code, 7);
});

machineTest('run prints the output of a container without a log', async (t) => {
  const { code, stdout } = await run([
    '--profile',
    'once',
    'run',
    '--rm',
    '-T',
    'silent',
    'echo',
    'hi',
  ]);
  t.is(code, 0);
  t.is(stdout.toString(), 'hi\n');
});

machineTest('run reports a program that cannot be started', async (t) => {
  const { code, stderr } = await run(['run', '--rm', '-T', 'web', 'no-such-program']);
  t.is(code, 1);
  t.regex(stderr.toString(), /no-such-program/u);
});

machineTest('logs joins long lines, counts lines and keeps every byte', async (t) => {
  const expected = Buffer.concat([
    Buffer.from(`${characters}\nbad`),
    Buffer.from([0xff]),
    Buffer.from('\r\nend\n'),
  ]);
  const logs = async (...flags: readonly string[]): Promise<Buffer> =>
    (await run(['logs', '--no-log-prefix', ...flags, 'web'])).stdout;
  await waitFor('the log to be complete', async () => (await logs()).includes('end\n'));
  t.true((await logs()).equals(expected));
  t.true((await logs('--tail', '3')).equals(expected));
  t.true((await logs('--tail', '2')).equals(expected.subarray(Buffer.byteLength(characters) + 1)));
  t.is((await logs('--tail', '1')).toString(), 'end\n');
});

machineTest('exec and run leave stdin alone with --interactive=false', async (t) => {
  for (const flag of ['--interactive=false', '-i=false']) {
    const executed = await run(['exec', '-T', flag, 'web', 'cat'], 'input');
    t.deepEqual([executed.code, executed.stdout.toString()], [0, '']);
    const ran = await run(['run', '--rm', '-T', flag, 'web', 'cat'], 'input');
    t.deepEqual([ran.code, ran.stdout.toString()], [0, '']);
  }
});
