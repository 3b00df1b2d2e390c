import type { ChildProcess, StdioOptions } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { AppError, messageOf } from '../../../manager/common/base/errors.js';

/** Bytes of output kept per stream; the rest is read and dropped to bound memory. */
export const outputLimit = 4 * 1024 * 1024;

export interface SshEnd {
  /** Null after a signal or if ssh could not be started. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

/** Error of a computer without the OpenSSH client. */
export function startError(error: unknown): AppError {
  const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
  return new AppError(
    'unsupported',
    missing
      ? 'ssh: not found; install the OpenSSH client (on Debian and Ubuntu: apt install openssh-client)'
      : `ssh: cannot be started: ${messageOf(error)}`,
    { cause: error },
  );
}

/** The exit code once the child's output is read; null after a signal. */
export async function endOf(child: ChildProcess): Promise<number | null> {
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    return code;
  } catch (error) {
    throw startError(error);
  }
}

/**
 * Ends a detached ssh with the programs that it started: a ProxyCommand or the ssh of a jump host
 * outlives a signal to ssh alone, and keeps its output open.
 */
export function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid);
  } catch (error) {
    // Every process of the group has ended.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** A clock that stands still while the user is asked. */
export interface PausableDeadline {
  readonly timeoutMs: number;
  /** True while a question is open. */
  readonly isPaused?: () => boolean;
}

/** Ends the child at the deadline, not counting the time of questions; returns a stop function. */
function limit(child: ChildProcess, deadline: PausableDeadline, expired: () => void): () => void {
  let leftMs = deadline.timeoutMs;
  const stepMs = 250;
  const timer = setInterval(() => {
    if (deadline.isPaused?.() === true) return;
    leftMs -= stepMs;
    if (leftMs > 0) return;
    clearInterval(timer);
    expired();
    endGroup(child);
  }, stepMs);
  return () => {
    clearInterval(timer);
  };
}

/**
 * Runs OpenSSH without a controlling terminal, so that questions go to SSH_ASKPASS. With
 * `background`, success is the end of the program itself: the connection that it leaves behind may
 * keep its output open. Throws `unsupported` if ssh is not installed and the signal's reason once it is aborted.
 */
export async function runSsh(
  argv: readonly string[],
  options: PausableDeadline & {
    readonly env: NodeJS.ProcessEnv;
    readonly signal?: AbortSignal | undefined;
    readonly background?: boolean | undefined;
  },
): Promise<SshEnd> {
  options.signal?.throwIfAborted();
  const stdio: StdioOptions = ['ignore', 'pipe', 'pipe'];
  const child = spawn('ssh', argv, { stdio, env: options.env, detached: true });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      if (texts[name].length < outputLimit) texts[name] += text;
    });
  }
  let timedOut = false;
  const stopLimit = limit(child, options, () => {
    timedOut = true;
  });
  const abort = (): void => {
    endGroup(child);
  };
  options.signal?.addEventListener('abort', abort, { once: true });
  try {
    const closed = endOf(child);
    const exited = once(child, 'exit').then(([code]) => code as number | null);
    const isDone = options.background === true && (await Promise.race([closed, exited])) === 0;
    const code = isDone ? 0 : await closed;
    options.signal?.throwIfAborted();
    return { code, ...texts, timedOut };
  } finally {
    stopLimit();
    options.signal?.removeEventListener('abort', abort);
    child.stdout?.destroy();
    child.stderr?.destroy();
  }
}
