import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import type { LogOptions } from '../../../manager/common/protocol/worker-calls.js';
import type { Cli } from '../../cli.js';
import { streamLogs } from '../../client/stream.js';
import { LogPrinter } from '../../output/log-printer.js';
import { silentNodes, tasksOf, viewProject, wholeNumber } from '../../project/selection.js';
import { paintOf, warn } from '../../project/progress-output.js';
import { parseTimeFlag } from '../../arguments/time-flag.js';

interface LogsFlags {
  readonly follow?: boolean;
  readonly tail?: string;
  readonly timestamps?: boolean;
  readonly since?: string;
  readonly until?: string;
  readonly index?: string;
  /** False with `--no-log-prefix`. */
  readonly logPrefix: boolean;
  /** False with `--no-color`. */
  readonly color: boolean;
}

export function logsCommand(cli: Cli): Command {
  return new Command('logs')
    .description('View output from containers on all nodes')
    .argument('[services...]')
    .option('-f, --follow', 'follow log output')
    .option('-n, --tail <lines>', 'number of lines to show from the end for each container', 'all')
    .option('-t, --timestamps', 'show timestamps')
    .option('--since <time>', 'show logs since a timestamp or relative (42m)')
    .option('--until <time>', 'show logs before a timestamp or relative (42m)')
    .option('--index <number>', 'index of the container if the service has several')
    .option('--no-log-prefix', "don't print the container's name")
    .option('--no-color', 'produce monochrome output')
    .action(async (services: string[], flags: LogsFlags) => {
      await showLogs(cli, services, flags);
    });
}

/** Converts flags to log options; throws `invalid` for a malformed time or number. */
export function logOptions(
  flags: Pick<LogsFlags, 'follow' | 'tail' | 'since' | 'until'>,
  now: number,
): LogOptions {
  const tail = flags.tail === undefined || flags.tail === 'all' ? undefined : flags.tail;
  const since = parseTimeFlag('--since', flags.since, now);
  const until = parseTimeFlag('--until', flags.until, now);
  return {
    follow: flags.follow === true,
    ...(tail === undefined ? {} : { tail: wholeNumber('--tail', tail) }),
    ...(since === undefined ? {} : { sinceMs: since }),
    ...(until === undefined ? {} : { untilMs: until }),
  };
}

async function showLogs(cli: Cli, services: readonly string[], flags: LogsFlags): Promise<void> {
  const options = logOptions(flags, cli.now());
  const index = flags.index === undefined ? 0 : wholeNumber('--index', flags.index);
  if (index > 0 && services.length !== 1) {
    throw new AppError('invalid', '--index: requires exactly one service');
  }
  const view = await viewProject(cli, services);
  for (const name of options.follow ? silentNodes(view, tasksOf(view, services)) : []) {
    warn(cli, `node ${name}: the Docker engine does not answer; its lines follow when it returns`);
  }
  const printer = new LogPrinter({
    project: view.project,
    prefix: flags.logPrefix,
    timestamps: flags.timestamps === true,
    paint: paintOf(cli, !flags.color),
  });
  printer.expect(tasksOf(view, services).map(({ containerName }) => containerName));
  const { signal } = cli.interrupts;
  const args = { project: view.project, services, options, ...(index > 0 ? { index } : {}) };
  for await (const lines of streamLogs(view.client, args, signal)) {
    await cli.stdout.send(printer.lines(lines));
  }
  cli.stdout.write(printer.end());
  if (signal.aborted) throw new AppError('cancelled', 'interrupted');
}
