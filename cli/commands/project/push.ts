import { Command } from 'commander';
import type { Cli } from '../../cli.js';
import { loadFile } from '../../project/load-request.js';
import type { PushFlags } from '../../rollout/push-services.js';
import { pushServices } from '../../rollout/push-services.js';

export function pushCommand(cli: Cli): Command {
  return new Command('push')
    .description('Push the images of services with a build section, from a node that has them')
    .argument('[services...]')
    .option('--ignore-push-failures', 'push what it can and ignore failures')
    .option('--include-deps', 'also push the dependencies of the services')
    .option('-q, --quiet', 'do not show progress')
    .action(async (services: string[], flags: PushFlags) => {
      const { project } = await loadFile(cli, services);
      const all = services.length === 0 || flags.includeDeps === true;
      const keys = all ? Object.keys(project.services) : services;
      await pushServices(cli, { client: await cli.connect(), project, keys }, flags);
    });
}
