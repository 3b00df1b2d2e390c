import { Command } from 'commander';
import type { Cli } from '../../cli.js';
import { formatList } from '../../output/format.js';
import { tasksOf, viewProject } from '../../project/selection.js';

interface ImagesFlags {
  readonly quiet?: boolean;
  readonly format?: string;
}

/** Splits `registry:5000/a/b:1.2` into repository and tag; a digest takes the place of the tag. */
export function splitImage(image: string): { readonly repository: string; readonly tag: string } {
  const at = image.indexOf('@');
  if (at > 0) return { repository: image.slice(0, at), tag: image.slice(at + 1) };
  const colon = image.lastIndexOf(':');
  if (colon > image.lastIndexOf('/')) {
    return { repository: image.slice(0, colon), tag: image.slice(colon + 1) };
  }
  return { repository: image, tag: 'latest' };
}

export function imagesCommand(cli: Cli): Command {
  return new Command('images')
    .description('List images used by the created containers')
    .argument('[services...]')
    .option('-q, --quiet', 'only display IDs')
    .option('--format <format>', 'table, json, or a template')
    .action(async (services: string[], flags: ImagesFlags) => {
      const view = await viewProject(cli, services);
      const tasks = tasksOf(view, services).filter(
        ({ status }) => status.containerId !== undefined,
      );
      const items = tasks.map((task) => {
        const { repository, tag } = splitImage(task.spec.container.image);
        const id = (task.status.imageId ?? '').replace(/^sha256:/u, '');
        const digest = task.spec.container.imageDigest;
        const node = (task.nodeId && view.nodes.get(task.nodeId)?.spec.name) ?? '';
        const name = task.containerName;
        return {
          id,
          cells: [name, repository, tag, id.slice(0, 12), node],
          record: {
            ...{ ContainerName: name, Repository: repository, Tag: tag, ID: id, Node: node },
            ...(digest === undefined ? {} : { Digest: digest }),
          },
        };
      });
      if (flags.quiet === true) {
        cli.stdout.write([...new Set(items.map(({ id }) => `${id}\n`))].join(''));
        return;
      }
      const header = ['CONTAINER', 'REPOSITORY', 'TAG', 'IMAGE ID', 'NODE'];
      cli.stdout.write(formatList(flags.format, header, items));
    });
}
