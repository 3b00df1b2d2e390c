import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Decoder } from '../../manager/common/base/decode.js';
import { count, decodeJson, object, string } from '../../manager/common/base/decode.js';
import { AppError } from '../../manager/common/base/errors.js';

/** Age at which a lock held from another computer (a shared home) counts as stale. */
const foreignLockMs = 10 * 60_000;

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** Distinguishes two locks of the same process. */
  readonly id: string;
}

const holderDecoder: Decoder<Holder> = object({ pid: count, host: string, id: string });

/** The holder named by a lock file's content; undefined if the file is empty. */
function holderOf(path: string, text: string): Holder | undefined {
  if (text === '') return undefined;
  const remedy = 'remove that file if no other shoal command is running';
  return decodeJson(text, holderDecoder, path, remedy);
}

function isGone(holder: Holder | undefined, ageMs: number): boolean {
  if (holder?.host !== hostname()) return ageMs > foreignLockMs;
  try {
    process.kill(holder.pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/**
 * Removes a stale lock. Renaming lets exactly one of several contenders win; a late contender that
 * moved a new holder's lock restores it.
 */
async function clearStale(path: string): Promise<void> {
  try {
    const ageMs = Date.now() - (await stat(path)).mtimeMs;
    const text = await readFile(path, 'utf8');
    if (!isGone(holderOf(path, text), ageMs)) return;
    const aside = `${path}.${randomUUID()}`;
    await rename(path, aside);
    if ((await readFile(aside, 'utf8')) !== text) await link(aside, path).catch(() => undefined);
    await rm(aside, { force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

async function tryLink(mine: string, path: string): Promise<boolean> {
  try {
    await link(mine, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Runs `body` while holding a lock file, which excludes other processes. The file is hard-linked
 * from a private one, so it always names its holder; a stale lock is taken over. Throws `timeout`
 * if the lock is not acquired in time.
 */
export async function withFileLock<T>(
  path: string,
  body: () => Promise<T>,
  timeoutMs = 30_000,
): Promise<T> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const mine = `${path}.${randomUUID()}`;
  const holder: Holder = { pid: process.pid, host: hostname(), id: mine };
  await writeFile(mine, JSON.stringify(holder), { mode: 0o600 });
  const deadline = Date.now() + timeoutMs;
  try {
    while (!(await tryLink(mine, path))) {
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
