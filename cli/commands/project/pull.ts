import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import { acceptLegacyFlags } from '../../arguments/legacy-flags.js';
import type { Cli } from '../../cli.js';
import type { ComposeService } from '../../compose/model.js';
import { loadFile } from '../../project/load-request.js';
import type { PullCondition } from '../../rollout/pull-policy.js';
import { pullConditionOf, imagesToPull } from '../../rollout/pull-policy.js';
import { pinImages } from '../../rollout/pin-images.js';
import { pullImages } from '../../rollout/pull-images.js';

interface PullCommandFlags {
  readonly ignoreBuildable?: boolean;
  readonly ignorePullFailures?: boolean;
  readonly includeDeps?: boolean;
  readonly policy?: string;
  readonly quiet?: boolean;
}

export function pullCommand(cli: Cli): Command {
  const command = new Command('pull')
    .description('Pull service images onto every node that may run them')
    .argument('[services...]')
    .option('--ignore-buildable', 'ignore images that can be built')
    .option('--ignore-pull-failures', 'pull what it can and ignore failures')
    .option('--include-deps', 'also pull the dependencies of the services')
    .option('--policy <policy>', 'missing or always')
    .option('-q, --quiet', 'do not show progress')
    .action(async (services: string[], flags: PullCommandFlags) => {
      if (flags.policy !== undefined && !['missing', 'always'].includes(flags.policy)) {
        throw new AppError('invalid', `invalid --policy "${flags.policy}": use missing or always`);
      }
      const { project } = await loadFile(cli, services);
      const keys =
        services.length === 0 || flags.includeDeps === true
          ? Object.keys(project.services)
          : services;
      const images = imagesToPull(project, keys, (service) => pullCondition(service, flags));
      const client = await cli.connect({ startLocal: true });
      const digests = await pinImages(cli, client, images);
      await pullImages(cli, { client, images, digests }, flags);
    });
  return acceptLegacyFlags(command, ['--parallel', '--no-parallel']);
}

/**
 * Pull condition for the `pull` command: always, unless the flags or `pull_policy` in the file
 * exclude it.
 */
function pullCondition(
  service: ComposeService,
  flags: PullCommandFlags,
): PullCondition | undefined {
  if (service.build !== undefined && flags.ignoreBuildable === true) return undefined;
  const policy = pullConditionOf(service, flags.policy);
  if (policy?.kind === 'never' || policy?.kind === 'build') return undefined;
  return policy?.kind === 'missing' ? policy : { kind: 'always' };
}
