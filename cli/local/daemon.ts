import { spawn } from 'node:child_process';
import { open, readFile, rm, writeFile } from 'node:fs/promises';
import { decodeJson, object, string } from '../../manager/common/base/decode.js';
import { AppError } from '../../manager/common/base/errors.js';
import { entryPoint } from '../entry-point.js';
import type { LocalDaemon, LocalLayout } from './layout.js';
import { logPath, pidPath, settingsPath } from './layout.js';

const stopMs = 20_000;
const pollMs = 50;

/** Returns the process id of the running daemon; undefined if it is not running. */
export async function runningPid(
  layout: LocalLayout,
  daemon: LocalDaemon,
): Promise<number | undefined> {
  const text = await readFile(pidPath(layout, daemon), 'utf8').catch(() => '');
  const pid = Number(text.trim());
  if (!Number.isSafeInteger(pid) || pid <= 1) return undefined;
  return (await isDaemon(pid, settingsPath(layout, daemon))) ? pid : undefined;
}

/**
 * Guards against a reused process id: the command line must contain the path of our settings file.
 */
async function isDaemon(pid: number, settings: string): Promise<boolean> {
  try {
    const args = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
    return args.includes(settings);
  } catch {
    return false;
  }
}

/** Starts a detached daemon unless it is running; its output is appended to its log file. */
export async function startDaemon(layout: LocalLayout, daemon: LocalDaemon): Promise<void> {
  if ((await runningPid(layout, daemon)) !== undefined) return;
  const log = await open(logPath(layout, daemon), 'a', 0o600);
  try {
    const child = spawn(
      process.execPath,
      [entryPoint, daemon, '--config', settingsPath(layout, daemon)],
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

/**
 * Stops a daemon with SIGTERM, and with SIGKILL after 20 s. Returns false if it was not running.
 */
export async function stopDaemon(layout: LocalLayout, daemon: LocalDaemon): Promise<boolean> {
  const pid = await runningPid(layout, daemon);
  if (pid === undefined) return false;
  process.kill(pid, 'SIGTERM');
  if (!(await waitForExit(layout, daemon, stopMs))) {
    process.kill(pid, 'SIGKILL');
    await waitForExit(layout, daemon, stopMs);
  }
  await rm(pidPath(layout, daemon), { force: true });
  return true;
}

async function waitForExit(
  layout: LocalLayout,
  daemon: LocalDaemon,
  limitMs: number,
): Promise<boolean> {
  for (let waited = 0; waited < limitMs; waited += pollMs) {
    if ((await runningPid(layout, daemon)) === undefined) return true;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  return false;
}

const logEntry = object<{ readonly message: string }>({ message: string });

/** Returns the last log message of a daemon, for the error about a daemon that exited. */
export async function lastLogMessage(layout: LocalLayout, daemon: LocalDaemon): Promise<string> {
  const text = await readFile(logPath(layout, daemon), 'utf8').catch(() => '');
  const line = text.trimEnd().split('\n').at(-1) ?? '';
  try {
    return decodeJson(line, logEntry, logPath(layout, daemon)).message;
  } catch {
    return line;
  }
}

/**
 * Runs the daemon with `--purge` until it exits; it removes its containers, networks and data from
 * this computer. Throws `internal` if it fails.
 */
export async function purgeDaemon(layout: LocalLayout, daemon: LocalDaemon): Promise<void> {
  const log = await open(logPath(layout, daemon), 'a', 0o600);
  try {
    const child = spawn(
      process.execPath,
      [entryPoint, daemon, '--config', settingsPath(layout, daemon), '--purge'],
      { cwd: '/', stdio: ['ignore', log.fd, log.fd], timeout: 120_000 },
    );
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('exit', resolve);
      child.once('error', reject);
    });
    if (code !== 0) {
      throw new AppError(
        'internal',
        `local ${daemon}: cleanup failed: ${await lastLogMessage(layout, daemon)}; see ${logPath(layout, daemon)}`,
      );
    }
  } finally {
    await log.close();
  }
}
