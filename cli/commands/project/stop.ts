import { Command } from 'commander';
import type { Cli } from '../../cli.js';
import { timeoutMs, viewProject } from '../../project/selection.js';
import { stopServices } from '../../rollout/stop-services.js';

export function stopCommand(cli: Cli): Command {
  return new Command('stop')
    .description('Stop running containers without removing them')
    .argument('[services...]')
    .option('-t, --timeout <seconds>', 'shutdown timeout of a container in seconds')
    .action(async (services: string[], flags: { readonly timeout?: string }) => {
      const grace = timeoutMs(flags.timeout);
      await stopServices(cli, await viewProject(cli, services), services, grace);
    });
}
