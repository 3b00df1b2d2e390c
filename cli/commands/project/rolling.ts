import { Command } from 'commander';
import type { Cli } from '../../cli.js';
import { lookOnce } from '../../rollout/follow/follow.js';
import { followUp } from '../../rollout/follow-up.js';
import { checkServices, openProject } from '../../project/selection.js';
import { withProgress } from '../../project/showing.js';

type Way = 'service.roll' | 'service.rollback';

/** Asks for it and shows how it goes until the last slot is as wanted. */
async function go(cli: Cli, way: Way, services: readonly string[], detach: boolean): Promise<void> {
  const { client, project } = await openProject(cli);
  const { signal } = cli.interrupts;
  const before = await lookOnce(client, project, signal);
  checkServices(services, [...before.services.values()]);
  const changed = await client.call(way, { project, services }, { signal });
  if (detach) {
    cli.stdout.write(changed.map((key) => `${key}\n`).join(''));
    return;
  }
  await withProgress(cli, (progress) =>
    followUp(cli, progress, {
      client,
      project,
      services: changed,
      until: 'started',
      changes: [],
      before,
      back: way === 'service.rollback',
    }),
  );
}

export function rollCommand(cli: Cli): Command {
  return new Command('roll')
    .description('Replace containers by new ones of the same spec, as update_config says')
    .argument('[services...]')
    .option('-d, --detach', "don't wait for the end; print the services")
    .action((services: string[], flags: { readonly detach?: boolean }) =>
      go(cli, 'service.roll', services, flags.detach === true),
    );
}

export function rollbackCommand(cli: Cli): Command {
  return new Command('rollback')
    .description('Go back to what services were before their last change, as rollback_config says')
    .argument('[services...]')
    .option('-d, --detach', "don't wait for the end; print the services")
    .action((services: string[], flags: { readonly detach?: boolean }) =>
      go(cli, 'service.rollback', services, flags.detach === true),
    );
}
