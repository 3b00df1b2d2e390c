import { spawn } from 'node:child_process';
import { open, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { AppError } from '../../manager/common/base/errors.js';
import type { LocalDaemon, LocalLayout } from './layout.js';
import { logPath, pidPath, settingsPath } from './layout.js';

/** This program's entry: `main.js daemon --config F` is how daemons are run everywhere. */
const entry = fileURLToPath(new URL('../main.js', import.meta.url));

const stopMs = 20_000;
const pollMs = 50;

/** Process id of a daemon that runs; undefined when none does. */
export async function runningPid(
  layout: LocalLayout,
  daemon: LocalDaemon,
): Promise<number | undefined> {
  const text = await readFile(pidPath(layout, daemon), 'utf8').catch(() => '');
  const pid = Number(text.trim());
  if (!Number.isSafeInteger(pid) || pid <= 1) return undefined;
  return (await isDaemon(pid, settingsPath(layout, daemon))) ? pid : undefined;
}

/** The number may belong to another process by now: only one that was given our settings is ours. */
async function isDaemon(pid: number, settings: string): Promise<boolean> {
  try {
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
    return words.includes(settings);
  } catch {
    return false;
  }
}

/** Starts a daemon that outlives this program, unless it runs. Its output goes to its log. */
export async function startDaemon(layout: LocalLayout, daemon: LocalDaemon): Promise<void> {
  if ((await runningPid(layout, daemon)) !== undefined) return;
  const log = await open(logPath(layout, daemon), 'a', 0o600);
  try {
    const child = spawn(
      process.execPath,
      [entry, daemon, '--config', settingsPath(layout, daemon)],
      { detached: true, cwd: '/', stdio: ['ignore', log.fd, log.fd] },
    );
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    await writeFile(pidPath(layout, daemon), `${child.pid ?? ''}\n`, { mode: 0o600 });
    child.unref();
  } finally {
    await log.close();
  }
}

/** Ends a daemon: SIGTERM, and SIGKILL for one that does not heed it. True when there was one. */
export async function stopDaemon(layout: LocalLayout, daemon: LocalDaemon): Promise<boolean> {
  const pid = await runningPid(layout, daemon);
  if (pid === undefined) return false;
  process.kill(pid, 'SIGTERM');
  if (!(await ended(layout, daemon, stopMs))) {
    process.kill(pid, 'SIGKILL');
    await ended(layout, daemon, stopMs);
  }
  await rm(pidPath(layout, daemon), { force: true });
  return true;
}

async function ended(layout: LocalLayout, daemon: LocalDaemon, limitMs: number): Promise<boolean> {
  for (let waited = 0; waited < limitMs; waited += pollMs) {
    if ((await runningPid(layout, daemon)) === undefined) return true;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  return false;
}

/** What a daemon said last, for the error of one that ended. */
export async function lastWords(layout: LocalLayout, daemon: LocalDaemon): Promise<string> {
  const text = await readFile(logPath(layout, daemon), 'utf8').catch(() => '');
  const line = text.trimEnd().split('\n').at(-1) ?? '';
  try {
    const { message } = JSON.parse(line) as { readonly message?: unknown };
    return typeof message === 'string' ? message : line;
  } catch {
    return line;
  }
}

/** Runs `daemon --purge`, which removes what the daemon has on this computer, and waits for its end. */
export async function purge(layout: LocalLayout, daemon: LocalDaemon): Promise<void> {
  const log = await open(logPath(layout, daemon), 'a', 0o600);
  try {
    const child = spawn(
      process.execPath,
      [entry, daemon, '--config', settingsPath(layout, daemon), '--purge'],
      { cwd: '/', stdio: ['ignore', log.fd, log.fd], timeout: 120_000 },
    );
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('exit', resolve);
      child.once('error', reject);
    });
    if (code !== 0) {
      throw new AppError(
        'internal',
        `cleaning up failed: ${await lastWords(layout, daemon)} (see ${logPath(layout, daemon)})`,
      );
    }
  } finally {
    await log.close();
  }
}
