import { Command } from 'commander';
import type { Cli } from '../../cli.js';
import type { DownFlags } from '../../rollout/down.js';
import { down } from '../../rollout/down.js';

export function downCommand(cli: Cli): Command {
  return new Command('down')
    .description('Stop and remove containers and networks on every node')
    .argument('[services...]')
    .option('-v, --volumes', 'remove named volumes too; anonymous ones always go')
    .option('--remove-orphans', 'remove containers for services not defined in the Compose file')
    .option(
      '--rmi <type>',
      'remove images used by services: "local" removes only images without a custom name, or "all"',
    )
    .option('-t, --timeout <seconds>', 'shutdown timeout of a container in seconds')
    .action(async (services: string[], flags: DownFlags) => {
      await down(cli, services, flags);
    });
}
