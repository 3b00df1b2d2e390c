#!/usr/bin/env node
import { isAppError, messageOf, NodeRemovedError } from '../manager/common/base/errors.js';
import type { Cli } from './cli.js';
import type { ControlClient } from './client/client.js';
import { ExitError, exitCodeOf, interruptedCode, notPermittedCode } from './exit-code.js';
import type { GlobalFlags } from './global-options.js';
import { globalOptions } from './global-options.js';
import { Interrupts } from './interrupts.js';
import { flush, sinkOf } from './output/terminal.js';
import { workingDirectory } from './working-directory.js';

/** Runs a daemon. The daemons are part of this program, so that a machine needs one upload only. */
async function runDaemon(name: string, args: string[], signal: AbortSignal): Promise<void> {
  if (name === 'manager') {
    const { runManager } = await import('../manager/main.js');
    await runManager(args, signal).catch((error: unknown) => {
      // The systemd unit does not restart a daemon with this exit code.
      throw error instanceof NodeRemovedError
        ? new ExitError(notPermittedCode, error.message)
        : error;
    });
    return;
  }
  const { runWorker } = await import('../worker/main.js');
  await runWorker(args, signal);
}

async function runClient(argv: readonly string[], interrupts: Interrupts): Promise<void> {
  const { buildProgram, isHelp, usageError } = await import('./program.js');
  const { commandEntries } = await import('./commands/registry.js');
  const clients: ControlClient[] = [];
  const makeCli = (flags: GlobalFlags): Cli => {
    const cli: Cli = {
      options: globalOptions(flags, process.env),
      env: process.env,
      cwd: workingDirectory(process.env),
      stdin: process.stdin,
      stdout: sinkOf(process.stdout, interrupts.signal),
      stderr: sinkOf(process.stderr, interrupts.signal),
      interrupts,
      now: () => Date.now(),
      commands: commandEntries,
      connect: async (options = {}) => {
        const { connect } = await import('./local/connect.js');
        const client = await connect(cli, options, async (context) => {
          const { reachManagers } = await import('./machine/manager-tunnel.js');
          return reachManagers(context, {
            home: cli.options.storagePath,
            env: cli.env,
            signal: interrupts.signal,
            warn: (line) => cli.stderr.write(`${line}\n`),
          });
        });
        clients.push(client);
        return client;
      },
    };
    return cli;
  };
  try {
    await buildProgram(makeCli).parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (!isHelp(error)) throw usageError(error);
  } finally {
    for (const client of clients) client.close();
  }
}

function report(error: unknown, argv: readonly string[]): number {
  const code = exitCodeOf(error);
  const message = sanitize(messageOf(error));
  if (message !== '' && code !== interruptedCode) {
    const json = argv.includes('--progress=json') || process.env.COMPOSE_PROGRESS === 'json';
    process.stderr.write(
      json ? `${JSON.stringify({ error: true, message })}\n` : `shoal: ${message}\n`,
    );
  }
  const debug = argv.some((arg) => arg === '--debug' || arg === '-D');
  if (debug) process.stderr.write(debugText(error));
  return code;
}

/**
 * Removes control characters: text of engines and images in a message must not control the
 * terminal.
 */
function sanitize(message: string): string {
  // eslint-disable-next-line no-control-regex -- the pattern matches control characters
  return message.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]+/gu, ' ');
}

function debugText(error: unknown): string {
  const detail = isAppError(error) && error.detail !== undefined ? `${error.detail}\n` : '';
  if (!(error instanceof Error)) return detail;
  const cause = error.cause === undefined ? '' : `caused by ${debugText(error.cause)}`;
  return `${detail}${error.stack ?? ''}\n${cause}`;
}

/** True for `shoal worker` and `shoal manager` with flags only; `shoal manager ls` is a command. */
function isDaemon([first, second]: readonly string[]): boolean {
  if (first === 'worker') return second !== 'join';
  const flagsOnly = second === undefined || second === '--config' || second.startsWith('--config=');
  return first === 'manager' && flagsOnly;
}

async function main(argv: readonly string[], interrupts: Interrupts): Promise<number> {
  const [first = '', ...rest] = argv;
  try {
    if (isDaemon(argv)) await runDaemon(first, rest, interrupts.signal);
    else await runClient(first === 'worker' ? rest : argv, interrupts);
    return 0;
  } catch (error) {
    return report(error, argv);
  }
}

/** 128 + SIGPIPE: the code of a program whose reader has closed the pipe. */
const brokenPipeCode = 141;

/**
 * Ends the program on a failed write: silently if the reader has closed the pipe, otherwise with
 * the reason, such as a full disk. A daemon outlives the reader of its log.
 */
function watchOutput(argv: readonly string[]): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') process.stderr.write(`shoal: stdout: ${error.message}\n`);
    process.exit(error.code === 'EPIPE' ? brokenPipeCode : 1);
  });
  process.stderr.on('error', (error: NodeJS.ErrnoException) => {
    if (!isDaemon(argv)) process.exit(error.code === 'EPIPE' ? brokenPipeCode : 1);
  });
}

/** Time for an interrupted program to write its last output; its reader may have stopped. */
const interruptedFlushMs = 200;

/** Waits until all output is written, however slowly it is read; an interrupt ends the wait. */
async function flushOutput({ signal }: Interrupts): Promise<boolean> {
  const written = Promise.all([flush(process.stdout), flush(process.stderr)]);
  const interrupted = new Promise<'interrupted'>((resolve) => {
    const soon = (): void => {
      setTimeout(resolve, interruptedFlushMs, 'interrupted');
    };
    if (signal.aborted) soon();
    else signal.addEventListener('abort', soon, { once: true });
  });
  // A failed write has its own handler, which ends the program.
  const outcome = await Promise.race([written.catch(() => 'failed' as const), interrupted]);
  return outcome !== 'interrupted';
}

async function start(argv: readonly string[]): Promise<void> {
  const interrupts = new Interrupts(() => process.exit(interruptedCode));
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      interrupts.interrupt();
    });
  }
  watchOutput(argv);
  const code = await main(argv, interrupts);
  const isWritten = await flushOutput(interrupts);
  process.exit(isWritten || code !== 0 ? code : interruptedCode);
}

await start(process.argv.slice(2));
