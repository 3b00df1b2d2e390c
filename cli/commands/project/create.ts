import { Command } from 'commander';
import type { Cli } from '../../cli.js';
import { collect } from '../../arguments/options.js';
import type { UpFlags } from '../../rollout/up-flags.js';
import { up } from '../../rollout/up.js';

export function createCommand(cli: Cli): Command {
  return new Command('create')
    .description('Create containers for services on their nodes without starting them')
    .argument('[services...]')
    .option('--build', 'build images before creating containers')
    .option('--no-build', "don't build an image, even if it is missing")
    .option('--force-recreate', 'recreate containers even if their configuration has not changed')
    .option('-V, --renew-anon-volumes', 'recreate containers with new anonymous volumes')
    .option('--no-recreate', 'do not recreate existing containers')
    .option('--pull <policy>', 'pull images first: always, missing or never')
    .option('--quiet-pull', 'pull without progress')
    .option('--remove-orphans', 'remove containers for services not defined in the Compose file')
    .option('--scale <service=num>', 'number of containers of a service', collect)
    .option('-y, --yes', 'answer yes to every question; "create" asks none')
    .action(async (services: string[], flags: Omit<UpFlags, 'start' | 'deps'>) => {
      await up(cli, services, { ...flags, start: false, deps: true });
    });
}
