import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { StringDecoder } from 'node:string_decoder';
import type { SshExecOptions, SshExecResult } from '../target.js';
import { loginShellCommand, MarkedOutput } from './command-line.js';
import type { SharedConnection } from './connection.js';
import { endGroup, endOf, outputLimit } from './run-ssh.js';

/** How a command ended: `replaced` if the machine ran another one, such as a forced command. */
export type CommandEnd =
  | { readonly kind: 'ended'; readonly result: SshExecResult }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'lost'; readonly reason: string }
  | { readonly kind: 'replaced'; readonly output: string };

/** Exit code of ssh itself; a command may have it too. */
const sshFailed = 255;

interface Collected {
  readonly marked: MarkedOutput;
  readonly texts: { stdout: string; stderr: string };
}

function collect(child: ChildProcess, marker: string, options: SshExecOptions): Collected {
  const marked = new MarkedOutput(marker);
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    const decoder = new StringDecoder('utf8');
    child[name]?.on('data', (chunk: Buffer) => {
      const text = decoder.write(name === 'stdout' ? marked.push(chunk) : chunk);
      if (text === '') return;
      if (texts[name].length < outputLimit) texts[name] += text;
      options.onOutput?.(text);
    });
  }
  return { marked, texts };
}

/** Writes standard input; a command that exits before reading all of it is not an error. */
async function feed(child: ChildProcess, stdin: SshExecOptions['stdin']): Promise<void> {
  if (child.stdin === null || stdin === undefined) return;
  const source = stdin instanceof Readable ? stdin : Readable.from([stdin]);
  const ended = new AbortController();
  const stop = (): void => {
    ended.abort();
  };
  child.once('close', stop);
  // The command closed its input; only errors of the source are errors here.
  child.stdin.once('error', (error) => {
    if (source.errored !== error) stop();
  });
  try {
    await pipeline(source, child.stdin, { signal: ended.signal });
  } catch (error) {
    if (!ended.signal.aborted) throw error;
  }
}

/** Runs a command over a shared connection. Throws the signal's reason once it is aborted. */
export async function runInSession(
  connection: SharedConnection,
  argv: readonly string[],
  options: SshExecOptions & { readonly timeoutMs: number },
): Promise<CommandEnd> {
  const { signal, stdin } = options;
  signal?.throwIfAborted();
  const marker = `shoal-${randomUUID()}`;
  const session = connection.session();
  const child = spawn('ssh', [...session.argv, loginShellCommand(argv, marker)], {
    stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    env: session.env,
    detached: true,
  });
  const closed = endOf(child);
  const { marked, texts } = collect(child, marker, options);
  const deadline = AbortSignal.timeout(options.timeoutMs);
  const ends = signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
  const stop = (): void => {
    endGroup(child);
  };
  ends.addEventListener('abort', stop, { once: true });
  try {
    const fed = feed(child, stdin);
    const [code] = await Promise.all([closed, fed]);
    signal?.throwIfAborted();
    // ssh answers the signal of `stop` with its own exit code.
    if (deadline.aborted && (code === null || code === sshFailed)) return { kind: 'timeout' };
    const result = { code: code ?? sshFailed, ...texts };
    return await classify(connection, session.log, result, marked);
  } finally {
    ends.removeEventListener('abort', stop);
    if (child.exitCode === null && child.signalCode === null) endGroup(child);
    await rm(session.log, { force: true });
  }
}

/** Tells the failures of ssh from the exit codes of commands. */
async function classify(
  connection: SharedConnection,
  log: string,
  result: SshExecResult,
  marked: MarkedOutput,
): Promise<CommandEnd> {
  if (result.code === sshFailed && !connection.isAlive) {
    const said = await readFile(log, 'utf8').catch(() => '');
    const reason = said.trim().split('\n').at(-1)?.trim() ?? '';
    return { kind: 'lost', reason: reason === '' ? 'connection closed' : reason };
  }
  if (marked.found) return { kind: 'ended', result };
  return { kind: 'replaced', output: marked.noise || result.stderr };
}
