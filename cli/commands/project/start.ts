import { Command } from 'commander';
import type { Cli } from '../../cli.js';
import { lookOnce } from '../../rollout/follow/follow.js';
import { waitForServices } from '../../rollout/wait-for-services.js';
import { checkServices, openProject, wholeNumber } from '../../project/selection.js';
import { withProgress } from '../../project/progress-output.js';
import { AppError } from '../../../manager/common/base/errors.js';

interface StartFlags {
  readonly wait?: boolean;
  readonly waitTimeout?: string;
}

export function startCommand(cli: Cli): Command {
  return new Command('start')
    .description('Start stopped containers')
    .argument('[services...]')
    .option('--wait', 'wait for services to be running or healthy')
    .option('--wait-timeout <seconds>', 'maximum time to wait, in seconds')
    .action(async (services: string[], flags: StartFlags) => {
      await start(cli, services, flags);
    });
}

async function start(cli: Cli, wanted: readonly string[], flags: StartFlags): Promise<void> {
  const waitMs =
    flags.waitTimeout === undefined
      ? undefined
      : wholeNumber('--wait-timeout', flags.waitTimeout) * 1000;
  const { client, project } = await openProject(cli);
  const { signal } = cli.interrupts;
  const before = await lookOnce(client, project, signal);
  const known = [...before.services.values()];
  checkServices(wanted, known);
  const services = wanted.length > 0 ? wanted : known.map(({ spec }) => spec.service);
  if (services.length === 0) {
    throw new AppError(
      'not-found',
      `project "${project}": no services to start; create them with "shoal up"`,
    );
  }
  await client.call('service.halt', { project, services, halted: false }, { signal });
  await withProgress(cli, (progress) =>
    waitForServices(cli, progress, {
      client,
      project,
      services,
      until: flags.wait === true ? 'healthy' : 'started',
      changes: [],
      before,
      timeoutMs: waitMs,
    }),
  );
}
