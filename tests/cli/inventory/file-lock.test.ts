import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { withFileLock } from '../../../cli/inventory/file-lock.js';

async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'shoal-lock-'));
  t.teardown(async () => rm(path, { recursive: true, force: true }));
  return path;
}

function deadPid(): number {
  return spawnSync('true').pid;
}

test('the lock excludes other holders and leaves no files behind', async (t) => {
  const dir = await folder(t);
  let inside = 0;
  let most = 0;
  const enter = async (): Promise<void> =>
    withFileLock(join(dir, 'lock'), async () => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
    });
  await Promise.all(Array.from({ length: 12 }, enter));
  t.is(most, 1);
  t.deepEqual(await readdir(dir), []);
});

test('exactly one contender takes over the lock of a dead process', async (t) => {
  const dir = await folder(t);
  const path = join(dir, 'lock');
  await writeFile(path, JSON.stringify({ pid: deadPid(), host: hostname(), id: 'old' }));
  let inside = 0;
  let most = 0;
  const enter = async (): Promise<void> =>
    withFileLock(path, async () => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
    });
  await Promise.all(Array.from({ length: 6 }, enter));
  t.is(most, 1);
});

test('waiting for a held lock times out', async (t) => {
  const path = join(await folder(t), 'lock');
  await writeFile(path, JSON.stringify({ pid: process.pid, host: hostname(), id: 'mine' }));
  await t.throwsAsync(
    withFileLock(path, async () => Promise.resolve(), 100),
    { message: /another shoal process holds/u },
  );
});

test('an error in the body releases the lock', async (t) => {
  const path = join(await folder(t), 'lock');
  await t.throwsAsync(
    withFileLock(path, async () => Promise.reject(new Error('inside'))),
    {
      message: 'inside',
    },
  );
  t.is(await withFileLock(path, async () => Promise.resolve('again'), 500), 'again');
});

test('a malformed lock file is named with what to do', async (t) => {
  const path = join(await folder(t), 'lock');
  for (const [content, fault] of [
    ['{"pid":', 'invalid JSON'],
    ['{"pid":-1,"host":"h","id":"i"}', 'pid must be a non-negative integer'],
  ] as const) {
    await writeFile(path, content);
    await t.throwsAsync(
      withFileLock(path, async () => Promise.resolve()),
      { message: `${path}: ${fault}; remove that file if no other shoal command is running` },
    );
  }
});
