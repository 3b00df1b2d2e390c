import { Command } from 'commander';
import type { Cli } from '../../cli.js';
import { lookOnce } from '../../rollout/follow/follow.js';
import { waitForServices } from '../../rollout/wait-for-services.js';
import { checkServices, openProject } from '../../project/selection.js';
import { withProgress } from '../../project/progress-output.js';

type RollingCall = 'service.roll' | 'service.rollback';

/** Starts a rolling update or rollback and, unless detached, waits until every slot is done. */
async function startRolling(
  cli: Cli,
  call: RollingCall,
  services: readonly string[],
  detach: boolean,
): Promise<void> {
  const { client, project } = await openProject(cli);
  const { signal } = cli.interrupts;
  const before = await lookOnce(client, project, signal);
  checkServices(services, [...before.services.values()]);
  const changed = await client.call(call, { project, services }, { signal });
  if (detach) {
    cli.stdout.write(changed.map((key) => `${key}\n`).join(''));
    return;
  }
  await withProgress(cli, (progress) =>
    waitForServices(cli, progress, {
      client,
      project,
      services: changed,
      until: 'started',
      changes: [],
      before,
      back: call === 'service.rollback',
    }),
  );
}

export function rollCommand(cli: Cli): Command {
  return new Command('roll')
    .description(
      'Replace containers gradually with new ones of the same spec, following update_config',
    )
    .argument('[services...]')
    .option('-d, --detach', "don't wait for completion; print the services")
    .action((services: string[], flags: { readonly detach?: boolean }) =>
      startRolling(cli, 'service.roll', services, flags.detach === true),
    );
}

export function rollbackCommand(cli: Cli): Command {
  return new Command('rollback')
    .description('Roll services back to their previous spec, following rollback_config')
    .argument('[services...]')
    .option('-d, --detach', "don't wait for completion; print the services")
    .action((services: string[], flags: { readonly detach?: boolean }) =>
      startRolling(cli, 'service.rollback', services, flags.detach === true),
    );
}
