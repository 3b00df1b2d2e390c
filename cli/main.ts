#!/usr/bin/env node
import { isAppError, messageOf, NodeRemovedError } from '../manager/common/base/errors.js';
import type { Cli } from './cli.js';
import type { ControlClient } from './client/client.js';
import { ExitError, exitCodeOf, interruptedCode, notPermittedCode } from './exit-code.js';
import type { GlobalFlags } from './global-options.js';
import { globalOptions } from './global-options.js';
import { Interrupts } from './interrupts.js';
import { sinkOf } from './output/terminal.js';
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
      stdout: sinkOf(process.stdout),
      stderr: sinkOf(process.stderr),
      interrupts,
      now: () => Date.now(),
      commands: commandEntries,
      connect: async (options = {}) => {
        const { connect } = await import('./local/connect.js');
        const client = await connect(cli, options);
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

async function main(argv: readonly string[]): Promise<number> {
  const interrupts = new Interrupts(() => process.exit(interruptedCode));
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      interrupts.interrupt();
    });
  }
  // The reader closed the pipe: exit with 128 + SIGPIPE and report nothing.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? 141 : 1);
  });
  const [first, ...rest] = argv;
  try {
    // The daemon takes flags only; with a subcommand (`shoal manager ls`) it is a client command.
    const isDaemon =
      rest[0] === undefined || rest[0] === '--config' || rest[0].startsWith('--config=');
    if (first === 'worker' && rest[0] === 'join') {
      await runClient(rest, interrupts);
    } else if (first === 'worker' || (first === 'manager' && isDaemon)) {
      await runDaemon(first, rest, interrupts.signal);
    } else {
      await runClient(argv, interrupts);
    }
    return 0;
  } catch (error) {
    return report(error, argv);
  }
}

process.exit(await main(process.argv.slice(2)));
