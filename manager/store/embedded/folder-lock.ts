import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../common/base/errors.js';

/** Start time of a process, to detect a reused pid; empty if the process does not exist. */
async function startOf(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // Field 22 of proc(5) `stat` is the start time; the name in brackets may contain spaces.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

/**
 * Takes the lock file of a store; a stale lock of a dead process is replaced. Throws `conflict`
 * that names the holder's pid. Returns the function that releases the lock.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, 'lock');
  const own = `${path}.${process.pid}`;
  await writeFile(own, `${process.pid} ${await startOf(process.pid)}\n`, { mode: 0o600 });
  try {
    for (let attempt = 1; ; attempt += 1) {
      if (await isLinked(own, path)) return () => rm(path, { force: true });
      const holder = (await readFile(path, 'utf8').catch(() => '')).trim();
      const [pid = '', start = ''] = holder.split(' ');
      const isAlive = start !== '' && (await startOf(Number(pid))) === start;
      if (isAlive || attempt === 3) {
        throw new AppError(
          'conflict',
          `store ${folder} is in use by process ${pid}; stop that process first`,
        );
      }
      await rm(path, { force: true });
    }
  } finally {
    await rm(own, { force: true });
  }
}

async function isLinked(own: string, path: string): Promise<boolean> {
  try {
    await link(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
