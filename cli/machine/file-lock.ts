import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../manager/base/errors.js';

/** A lock whose holder is on another computer (a shared home) is taken over when it is this old. */
const foreignLockMs = 10 * 60_000;

interface Holder {
  readonly pid: number;
  readonly host: string;
}

function isGone(holder: Holder | undefined, ageMs: number): boolean {
  if (holder === undefined || holder.host !== hostname()) return ageMs > foreignLockMs;
  try {
    process.kill(holder.pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Takes a dead holder's lock out of the way; renaming lets exactly one of several takers do it. */
async function clearStale(path: string): Promise<void> {
  try {
    const ageMs = Date.now() - (await stat(path)).mtimeMs;
    const text = await readFile(path, 'utf8');
    const holder = text === '' ? undefined : (JSON.parse(text) as Holder);
    if (!isGone(holder, ageMs)) return;
    const aside = `${path}.${randomUUID()}`;
    await rename(path, aside);
    await rm(aside, { force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/**
 * Runs `body` while holding the lock file, across processes. The file appears complete (linked from
 * a private one), so its holder can always be read; a dead holder's lock is taken over. Throws
 * `timeout` when another holds it longer than the deadline.
 */
export async function withFileLock<T>(
  path: string,
  body: () => Promise<T>,
  timeoutMs = 30_000,
): Promise<T> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const mine = `${path}.${randomUUID()}`;
  const holder: Holder = { pid: process.pid, host: hostname() };
  await writeFile(mine, JSON.stringify(holder), { mode: 0o600 });
  const deadline = Date.now() + timeoutMs;
  try {
    for (;;) {
      try {
        await link(mine, path);
        break;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      if (Date.now() > deadline) {
        throw new AppError('timeout', `another shoal process holds ${path}; try again`);
      }
      await clearStale(path);
      await delay(20 + Math.random() * 30);
    }
    try {
      return await body();
    } finally {
      await rm(path, { force: true });
    }
  } finally {
    await rm(mine, { force: true });
  }
}
