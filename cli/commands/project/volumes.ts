import { Command } from 'commander';
import type { Cli } from '../../cli.js';
import { formatList } from '../../output/format.js';
import { checkServices, openProject } from '../../project/selection.js';
import { volumeRow, volumeHeader } from '../../project/volume-rows.js';

interface VolumesFlags {
  readonly quiet?: boolean;
  readonly format?: string;
}

export function volumesCommand(cli: Cli): Command {
  return new Command('volumes')
    .description('List volumes of the project and the nodes that have them')
    .argument('[services...]')
    .option('-q, --quiet', 'only display names')
    .option('--format <format>', 'table, json, or a template')
    .action(async (services: string[], flags: VolumesFlags) => {
      const { client, project } = await openProject(cli);
      const { signal } = cli.interrupts;
      const [volumes, nodes, found] = await Promise.all([
        client.call('volume.list', {}, { signal }),
        client.call('node.list', {}, { signal }),
        client.call('service.list', { project }, { signal }),
      ]);
      checkServices(services, found);
      const used = new Set(
        found
          .filter(({ spec }) => services.includes(spec.service))
          .flatMap(({ spec }) => spec.task.container.mounts)
          .flatMap((mount) => (mount.type === 'volume' ? (mount.source ?? []) : [])),
      );
      const shown = volumes
        .filter(({ spec }) => spec.project === project)
        .filter(({ spec }) => services.length === 0 || used.has(spec.name));
      if (flags.quiet === true) {
        cli.stdout.write(shown.map(({ spec }) => `${spec.name}\n`).join(''));
        return;
      }
      const items = shown.map((volume) => volumeRow(volume, nodes));
      cli.stdout.write(formatList(flags.format, volumeHeader, items));
    });
}
