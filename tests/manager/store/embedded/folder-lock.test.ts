import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { isConflict } from '../../../../manager/common/base/errors.js';
import { lockFolder } from '../../../../manager/store/embedded/folder-lock.js';
import { temporaryFolder } from '../../../helpers/pki/pki-folder.js';

async function startOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')')).split(' ')[20] ?? '';
}

async function refused(t: ExecutionContext, folder: string): Promise<void> {
  const error = await t.throwsAsync(lockFolder(folder));
  t.true(isConflict(error));
  t.is(
    error.message,
    `store ${folder} is in use by process ${process.pid}; stop that process first`,
  );
}

test('a lock names its holder, keeps others out and leaves nothing behind', async (t) => {
  const folder = await temporaryFolder(t);
  const unlock = await lockFolder(folder);
  t.deepEqual(await readdir(folder), ['lock']);
  const text = await readFile(join(folder, 'lock'), 'utf8');
  t.is(text, `${process.pid} ${await startOf(process.pid)}\n`);
  await refused(t, folder);
  t.deepEqual(await readdir(folder), ['lock']);
  await unlock();
  t.deepEqual(await readdir(folder), []);
  await (
    await lockFolder(folder)
  )();
});

test('the lock of a process that has ended is replaced', async (t) => {
  const folder = await temporaryFolder(t);
  // A process id above the limit of the kernel.
  for (const stale of ['4194305 1\n', '', 'nonsense', '4194305\n', ' \n']) {
    await writeFile(join(folder, 'lock'), stale);
    const unlock = await lockFolder(folder);
    t.regex(await readFile(join(folder, 'lock'), 'utf8'), new RegExp(`^${process.pid} \\d+\n$`));
    await unlock();
  }
});

test('a lock whose process id another process has by now is replaced', async (t) => {
  const folder = await temporaryFolder(t);
  const start = await startOf(process.pid);
  await writeFile(join(folder, 'lock'), `${process.pid} ${start}\n`);
  await refused(t, folder);
  await writeFile(join(folder, 'lock'), `${process.pid} ${Number(start) - 1}\n`);
  const unlock = await lockFolder(folder);
  await unlock();
  t.deepEqual(await readdir(folder), []);
});
