import { Command } from 'commander';
import type { Cli } from '../../cli.js';
import { loadFile } from '../../project/load-request.js';
import { projectWatchRules, watchProject } from '../../rollout/watch-project.js';
import type { UpFlags } from '../../rollout/up-flags.js';
import type { WatchRule } from '../../watch/rules.js';
import { up } from '../../rollout/up.js';

interface WatchFlags {
  /** False with `--no-up`. */
  readonly up: boolean;
  readonly prune: string | boolean;
  readonly quiet?: boolean;
}

export function watchCommand(cli: Cli): Command {
  return new Command('watch')
    .description('Sync changed files into service containers on all nodes, or rebuild images')
    .argument('[services...]')
    .option('--no-up', 'do not build and start services before watching')
    .option('--prune [on]', 'remove dangling images after a rebuild', 'true')
    .option('--quiet', 'hide build output')
    .action(async (services: string[], flags: WatchFlags) => {
      const { project } = await loadFile(cli, services);
      const keys = services.length === 0 ? Object.keys(project.services) : services;
      // Missing watch rules fail before any build.
      const rules = projectWatchRules(project, keys);
      const quiet = flags.quiet === true;
      if (flags.up) await up(cli, services, { ...plainUp, build: true, quietBuild: quiet });
      if (cli.options.dryRun === true) {
        cli.stdout.write(rules.map(ruleLine).join(''));
        return;
      }
      const client = await cli.connect();
      const { signal } = cli.interrupts;
      const prune = String(flags.prune) !== 'false';
      await watchProject(cli, {
        ...{ client, project, keys, prune, signal },
        buildAndStart: (changed) =>
          up(cli, changed, { ...plainUp, build: true, deps: false, quietBuild: quiet }),
      });
    });
}

/** Formats a rule for a dry run: `service web: sync /src to /app`. */
function ruleLine({ service, action, path, target }: WatchRule): string {
  return `service ${service}: ${action} ${path}${target === '' ? '' : ` to ${target}`}\n`;
}

const plainUp: UpFlags = {
  detach: true,
  recreate: true,
  start: true,
  deps: true,
  color: true,
  logPrefix: true,
};
