import { execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { AppError } from '../../manager/common/base/errors.js';

export interface CommandOptions {
  /** Text written to standard input. */
  readonly stdin?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Result of a program; a non-zero exit code is not an error here. */
export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Dumps of a host with thousands of endpoints are a few megabytes of JSON. */
const maxOutputBytes = 256 * 1024 * 1024;
const defaultTimeoutMs = 20_000;

/**
 * Runs a program to completion, whatever its exit code. Fails as `not-found` if it is not
 * installed, as `timeout` if it exceeds its time limit (it is killed), as `cancelled` when the
 * signal aborts.
 */
export function runUnchecked(
  argv: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const [program = '', ...rest] = argv;
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      rest,
      {
        timeout: options.timeoutMs ?? defaultTimeoutMs,
        killSignal: 'SIGKILL',
        maxBuffer: maxOutputBytes,
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin', LC_ALL: 'C' },
        ...(options.signal && { signal: options.signal }),
      },
      (error, stdout, stderr) => {
        if (!error) resolve({ exitCode: 0, stdout, stderr });
        else if (typeof error.code === 'number') resolve({ exitCode: error.code, stdout, stderr });
        else reject(failure(argv, error, options.signal));
      },
    );
    // A program that exits without reading its input is judged by its exit code, not by EPIPE.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.stdin ?? '');
  });
}

function failure(
  argv: readonly string[],
  error: Error & { readonly code?: unknown; readonly killed?: boolean },
  signal: AbortSignal | undefined,
): AppError {
  const [program = ''] = argv;
  if (signal?.aborted === true) return new AppError('cancelled', `${program} was cancelled`);
  if (error.code === 'ENOENT')
    return new AppError('not-found', `${program} is not installed; install it on this machine`);
  if (error.killed === true)
    return new AppError('timeout', `${program} timed out`, { detail: argv.join(' ') });
  return new AppError('internal', `cannot run ${program}: ${error.message}`, { cause: error });
}

/** Runs a program and returns its standard output; fails as `internal` on a non-zero exit code. */
export async function run(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await runUnchecked(argv, options);
  if (exitCode === 0) return stdout;
  const lines = stderr.trim().split('\n');
  throw new AppError(
    'internal',
    `${argv.join(' ')} exited with code ${String(exitCode)}: ${lines[0] ?? ''}`,
    { detail: lines.slice(0, 20).join('\n') },
  );
}

/**
 * Starts a long-running program and passes each output line to `onLine`. `onEnd` is called when it
 * exits by itself; `close` kills it. The caller owns the process.
 */
export function streamLines(
  argv: readonly string[],
  onLine: (line: string) => void,
  onEnd: () => void,
): { close(): void } {
  const [program = '', ...rest] = argv;
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'ignore'] });
  let ended = false;
  const end = (): void => {
    if (ended) return;
    ended = true;
    onEnd();
  };
  child.on('error', end);
  child.on('close', end);
  createInterface({ input: child.stdout }).on('line', onLine);
  child.unref();
  return {
    close() {
      ended = true;
      child.kill('SIGKILL');
    },
  };
}
