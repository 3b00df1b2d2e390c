import { Command } from 'commander';
import type { Service } from '../../../manager/common/model/service.js';
import type { Task } from '../../../manager/common/model/task.js';
import type { Cli } from '../../cli.js';
import { compileFilters } from '../../output/filter.js';
import { formatList } from '../../output/format.js';
import { containerState, isUnknown } from '../../../manager/common/model/container-state.js';
import { collect } from '../../arguments/options.js';
import { compareNatural, isLiveTask } from '../../project/selection.js';

interface LsFlags {
  readonly all?: boolean;
  readonly quiet?: boolean;
  readonly format?: string;
  readonly filter?: readonly string[];
}

export function lsCommand(cli: Cli): Command {
  return new Command('ls')
    .description('List running projects')
    .option('-a, --all', 'show all projects, including stopped ones')
    .option('-q, --quiet', 'only display names')
    .option('--format <format>', 'table, json, or a template')
    .option('--filter <filter>', 'name=TEXT', collect)
    .action(async (flags: LsFlags) => {
      const passes = compileFilters<string>(flags.filter, {
        name: (project, value) => project.includes(value),
      });
      const client = await cli.connect();
      const { signal } = cli.interrupts;
      const [services, tasks, nodes] = await Promise.all([
        client.call('service.list', {}, { signal }),
        client.call('task.list', {}, { signal }),
        client.call('node.list', {}, { signal }),
      ]);
      const byId = new Map(nodes.map((node) => [node.id, node]));
      const stateOf = (task: Task): string =>
        isUnknown(task, task.nodeId === undefined ? undefined : byId.get(task.nodeId))
          ? 'unknown'
          : containerState(task);
      const projects = [...new Set(services.map(({ spec }) => spec.project))]
        .sort(compareNatural)
        .filter(passes)
        .map((name) => ({
          name,
          status: statusOf(
            tasks.filter(({ project }) => project === name),
            stateOf,
          ),
          files: configFiles(services.filter(({ spec }) => spec.project === name)),
        }))
        .filter(({ status }) => flags.all === true || /running|unknown/u.test(status));
      if (flags.quiet === true) {
        cli.stdout.write(projects.map(({ name }) => `${name}\n`).join(''));
        return;
      }
      cli.stdout.write(
        formatList(
          flags.format,
          ['NAME', 'STATUS', 'CONFIG FILES'],
          projects.map(({ name, status, files }) => ({
            cells: [name, status, files],
            record: { Name: name, Status: status, ConfigFiles: files },
          })),
        ),
      );
    });
}

/** docker compose's summary: `exited(1), running(2)`. */
function statusOf(tasks: readonly Task[], stateOf: (task: Task) => string): string {
  const counts = new Map<string, number>();
  for (const task of tasks) {
    const state = stateOf(task);
    if (!isLiveTask(task) && state !== 'exited' && state !== 'created') continue;
    counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  return [...counts.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([state, count]) => `${state}(${count})`)
    .join(', ');
}

function configFiles(services: readonly Service[]): string {
  const label = 'com.docker.compose.project.config_files';
  const files = services.flatMap(({ spec }) => spec.task.container.labels[label] ?? []);
  return [...new Set(files)].join(',');
}
