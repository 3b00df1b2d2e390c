import { Command, Option } from 'commander';
import type { ExecOptions } from '../../../manager/common/protocol/worker-calls.js';
import type { Cli } from '../../cli.js';
import { ExitError } from '../../exit-code.js';
import { collect } from '../../arguments/options.js';
import { runningTask, viewProject, wholeNumber } from '../../project/selection.js';
import { runOnTerminal } from '../../client/terminal-ends.js';

interface ExecFlags {
  readonly detach?: boolean;
  readonly env?: readonly string[];
  readonly user?: string;
  readonly workdir?: string;
  /** False with `-T`. */
  readonly tty: boolean;
  /** False with `--no-TTY`. */
  readonly TTY: boolean;
  /** Undefined means true. */
  readonly interactive?: boolean;
  readonly index?: string;
  readonly privileged?: boolean;
}

export function execCommand(cli: Cli): Command {
  return new Command('exec')
    .description('Execute a command in a running container on any node')
    .argument('<service>')
    .argument('<command...>')
    .passThroughOptions()
    .option('-d, --detach', 'run command in the background')
    .option('-e, --env <variable>', 'set environment variables', collect)
    .option('-u, --user <user>', 'run the command as this user')
    .option('-w, --workdir <path>', 'path to the directory to run the command in')
    .option('-T, --no-tty', 'do not allocate a terminal')
    .addOption(new Option('-t, --tty').hideHelp())
    .addOption(new Option('--no-TTY').hideHelp())
    .option('-i, --interactive', 'keep stdin open; =false leaves stdin alone (default true)')
    .option('--index <number>', 'index of the container if the service has several')
    .option('--privileged', 'give extended privileges to the process')
    .action(async (service: string, command: string[], flags: ExecFlags) => {
      await exec(cli, service, command, flags);
    });
}

async function exec(
  cli: Cli,
  service: string,
  command: readonly string[],
  flags: ExecFlags,
): Promise<void> {
  const index = flags.index === undefined ? 0 : wholeNumber('--index', flags.index);
  const view = await viewProject(cli, [service]);
  const task = runningTask(view, service, index === 0 ? undefined : index);
  const stdin = flags.interactive !== false && flags.detach !== true;
  const tty =
    flags.tty && flags.TTY && flags.detach !== true && cli.stdin.isTTY === true && cli.stdout.isTTY;
  const options = execOptions(cli, command, flags, { tty, stdin });
  // In raw mode Ctrl-C reaches the process as a byte; otherwise it aborts the command.
  const stream = await view.client.open(
    'exec',
    { project: view.project, service, index: task.slot, options },
    cli.interrupts.signal,
  );
  const input = stdin ? cli.stdin : undefined;
  const end = await runOnTerminal(cli, stream, { input, tty, detachKeys: '' });
  if (end.kind === 'exited' && end.code !== 0) throw new ExitError(end.code);
}

function execOptions(
  cli: Cli,
  command: readonly string[],
  flags: ExecFlags,
  { tty, stdin }: { readonly tty: boolean; readonly stdin: boolean },
): ExecOptions {
  return {
    command,
    env: (flags.env ?? []).map((item) =>
      // As in docker, a name without a value takes the value of the local environment.
      item.includes('=') ? item : `${item}=${cli.env[item] ?? ''}`,
    ),
    ...(flags.user === undefined ? {} : { user: flags.user }),
    ...(flags.workdir === undefined ? {} : { workingDir: flags.workdir }),
    privileged: flags.privileged === true,
    tty,
    stdin,
    detach: flags.detach === true,
    ...(tty ? { columns: cli.stdout.columns, rows: cli.stdout.rows } : {}),
  };
}
