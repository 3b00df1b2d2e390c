import { Command } from 'commander';
import type { Cli } from '../../cli.js';
import { collect } from '../../arguments/options.js';
import { loadFile } from '../../project/load-request.js';
import type { BuildCommandFlags } from '../../rollout/build-services.js';
import { buildServices } from '../../rollout/build-services.js';

export function buildCommand(cli: Cli): Command {
  return new Command('build')
    .description('Build service images on a node; other nodes fetch them from there')
    .argument('[services...]')
    .option('--build-arg <name=value>', 'set build-time variables', collect)
    .option('-m, --memory <bytes>', 'memory limit of the build container')
    .option('--no-cache', 'do not use the cache')
    .option('--pull', 'always try to pull newer base images')
    .option('--push', 'push the images')
    .option('-q, --quiet', 'suppress the build output')
    .option('--with-dependencies', 'also build the dependencies of the services')
    .action(async (services: string[], flags: BuildCommandFlags & { readonly cache: boolean }) => {
      const { project } = await loadFile(cli, services);
      const all = services.length === 0 || flags.withDependencies === true;
      const keys = all ? Object.keys(project.services) : services;
      const client = await cli.connect({ startLocal: true });
      const buildFlags = { ...flags, noCache: !flags.cache };
      const built = await buildServices(cli, { client, project, keys }, buildFlags);
      if (flags.push === true) {
        const { pushServices } = await import('../../rollout/push-services.js');
        await pushServices(cli, { client, project, keys }, {});
      }
      if (built.length === 0) cli.stderr.write('No services to build\n');
    });
}
