import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../common/base/errors.js';

/** When a process was started, so that another one with its number is not taken for it; empty when it is gone. */
async function startOf(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // Fields after the name in brackets; the 22nd of all is the start (proc(5)).
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

/**
 * Keeps a second process from opening a store. What a killed one left is taken over. Throws `conflict`
 * that names the holder. Returns the way to let go.
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
      const alive = start !== '' && (await startOf(Number(pid))) === start;
      if (alive || attempt === 3) {
        throw new AppError(
          'conflict',
          `store ${folder} is in use by process ${pid}: stop it first`,
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
