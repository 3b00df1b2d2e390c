import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import type { Volume } from '../../../manager/common/model/network.js';
import type { Node } from '../../../manager/common/model/node.js';
import type { Task } from '../../../manager/common/model/task.js';
import type { Cli } from '../../cli.js';
import type { FilterPredicates } from '../../output/filter.js';
import { compileFilters, hasLabel, parseChoice } from '../../output/filter.js';
import { formatInspect, formatList } from '../../output/format.js';
import { forEachName } from '../../arguments/each.js';
import { keyValues } from '../../arguments/key-values.js';
import { collect } from '../../arguments/options.js';
import { volumeHeader, volumeRow } from '../../project/volume-rows.js';
import { checkName } from '../../arguments/names.js';

export function volumeCommand(cli: Cli): Command {
  return new Command('volume')
    .description('Manage volumes')
    .addCommand(listCommand(cli))
    .addCommand(createCommand(cli))
    .addCommand(inspectCommand(cli))
    .addCommand(removeCommand(cli));
}

function listCommand(cli: Cli): Command {
  return new Command('ls')
    .alias('list')
    .description('List volumes and the nodes that have them')
    .option('-q, --quiet', 'only display names')
    .option('-f, --filter <filter>', `filter by a property: ${filterKeys}`, collect)
    .option('--format <format>', 'table, json, or a template')
    .action(async (flags: ListFlags) => {
      // An invalid filter fails before any call to the manager.
      compileFilters(flags.filter, filterTests([], new Set()));
      const client = await cli.connect();
      const { signal } = cli.interrupts;
      const [all, nodes, tasks] = await Promise.all([
        client.call('volume.list', {}, { signal }),
        client.call('node.list', {}, { signal }),
        client.call('task.list', {}, { signal }),
      ]);
      const volumes = all.filter(
        compileFilters(flags.filter, filterTests(nodes, usedVolumes(tasks))),
      );
      if (flags.quiet === true) {
        cli.stdout.write(volumes.map(({ spec }) => `${spec.name}\n`).join(''));
        return;
      }
      const items = volumes.map((volume) => volumeRow(volume, nodes));
      cli.stdout.write(formatList(flags.format, volumeHeader, items));
    });
}

interface ListFlags {
  readonly quiet?: boolean;
  readonly format?: string;
  readonly filter?: readonly string[];
}

const filterKeys = 'name=, label=, driver=, node=, dangling=';

function filterTests(nodes: readonly Node[], used: ReadonlySet<string>): FilterPredicates<Volume> {
  return {
    name: ({ spec }, value) => spec.name.includes(value),
    label: ({ spec }, value) => hasLabel(spec.labels, value),
    driver: ({ spec }, value) => spec.driver === value,
    node: ({ nodeIds }, value) =>
      nodes.some(({ id, spec }) => spec.name === value && nodeIds.includes(id)),
    dangling: ({ spec }, value) =>
      (parseChoice('dangling', value, ['true', 'false', '1', '0']) === 'true' || value === '1') !==
      used.has(spec.name),
  };
}

/** Names of volumes mounted by any task, including stopped tasks that may start again. */
function usedVolumes(tasks: readonly Task[]): ReadonlySet<string> {
  return new Set(
    tasks
      .filter(({ desired }) => desired !== 'remove')
      .flatMap(({ spec }) => spec.container.mounts)
      .flatMap((mount) => (mount.type === 'volume' ? (mount.source ?? []) : [])),
  );
}

interface CreateFlags {
  readonly driver: string;
  readonly label?: readonly string[];
  readonly opt?: readonly string[];
}

function createCommand(cli: Cli): Command {
  return new Command('create')
    .description('Create a volume; its first task decides its node')
    .argument('<name>')
    .option('-d, --driver <driver>', 'volume driver', 'local')
    .option('--label <label>', 'set metadata', collect)
    .option('-o, --opt <option>', 'driver option', collect)
    .action(async (name: string, flags: CreateFlags) => {
      const labels = keyValues('--label', flags.label);
      const driverOpts = keyValues('--opt', flags.opt);
      checkName('volume', name);
      const client = await cli.connect();
      await client.call(
        'volume.create',
        { name, project: '', key: name, driver: flags.driver, driverOpts, labels, external: false },
        { signal: cli.interrupts.signal },
      );
      cli.stdout.write(`${name}\n`);
    });
}

function inspectCommand(cli: Cli): Command {
  return new Command('inspect')
    .description('Display detailed information on volumes')
    .argument('<names...>')
    .option('-f, --format <format>', 'json or a template')
    .action(async (names: string[], flags: { readonly format?: string }) => {
      const client = await cli.connect();
      const { signal } = cli.interrupts;
      const [volumes, nodes] = await Promise.all([
        client.call('volume.list', {}, { signal }),
        client.call('node.list', {}, { signal }),
      ]);
      const objects = names.map((name) => {
        const volume = volumes.find(({ spec }) => spec.name === name);
        if (volume === undefined) throw new AppError('not-found', `no such volume: ${name}`);
        const { spec } = volume;
        return {
          CreatedAt: new Date(volume.createdAt).toISOString(),
          Driver: spec.driver,
          Labels: spec.labels,
          Name: spec.name,
          Nodes: volumeRow(volume, nodes).record.Nodes,
          Options: spec.driverOpts,
          Scope: 'local',
        };
      });
      cli.stdout.write(formatInspect(flags.format, objects));
    });
}

function removeCommand(cli: Cli): Command {
  return new Command('rm')
    .alias('remove')
    .description('Remove volumes and their data from every node')
    .argument('<names...>')
    .option('-f, --force', 'do not fail if a volume does not exist')
    .action(async (names: string[], flags: { readonly force?: boolean }) => {
      const client = await cli.connect();
      await forEachName(cli, names, (name) =>
        client.call(
          'volume.remove',
          { name, force: flags.force === true },
          { signal: cli.interrupts.signal },
        ),
      );
    });
}
