import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import type { Node } from '../../../manager/common/model/node.js';
import type { Task } from '../../../manager/common/model/task.js';
import type { TaskUsage } from '../../../manager/common/protocol/statistics.js';
import type { Cli } from '../../cli.js';
import { streamStats } from '../../client/stream.js';
import type { UsageState } from '../../client/usage.js';
import { applyStats, emptyUsage } from '../../client/usage.js';
import type { ListItem } from '../../output/format.js';
import { parseChoice } from '../../output/filter.js';
import { formatList } from '../../output/format.js';
import { binaryBytes, decimalBytes } from '../../output/quantity.js';
import type { ProjectView } from '../../project/selection.js';
import { warn } from '../../project/progress-output.js';
import {
  checkServices,
  isLiveTask,
  openProject,
  silentNodes,
  tasksOf,
} from '../../project/selection.js';
import type { SortColumn } from '../../project/stats-rows.js';
import {
  nodeRows,
  serviceRows,
  nodeHeader,
  sortByUsage,
  sortColumns,
  serviceHeader,
  totalUsage,
} from '../../project/stats-rows.js';

interface StatsFlags {
  readonly all?: boolean;
  readonly stream: boolean;
  readonly format?: string;
  readonly trunc: boolean;
  readonly allProjects?: boolean;
  readonly by: string;
  readonly sort: SortColumn;
}

const header = [
  'CONTAINER ID',
  'NAME',
  'NODE',
  'CPU %',
  'MEM USAGE / LIMIT',
  'MEM %',
  'NET I/O',
  'BLOCK I/O',
  'PIDS',
];

const groupings = ['container', 'service', 'node'] as const;

/**
 * Maximum wait for the first result: rates need two samples a second apart, and nodes may answer
 * late.
 */
const maxSettleMs = 3_500;

export function statsCommand(cli: Cli): Command {
  return new Command('stats')
    .description('Display a live stream of container resource usage on all nodes')
    .argument('[services...]')
    .option('-a, --all', 'show all containers, including stopped ones')
    .option('--by <object>', `show one line per: ${groupings.join(', ')}`, 'container')
    .option('--sort <column>', `sort by: ${sortColumns.join(', ')}`, 'name')
    .option('--all-projects', 'show containers of all projects')
    .option('--format <format>', 'table, json, or a template')
    .option('--no-stream', 'print the first result only')
    .option('--no-trunc', "don't truncate output")
    .addHelpText(
      'after',
      `
Examples:
  shoal stats                     all containers of the project until Ctrl-C
  shoal stats --no-stream web     one snapshot of service web
  shoal stats --by service        totals and running replicas per service
  shoal stats --by node           usage of the machines
  shoal stats --all-projects --sort cpu    the busiest containers of the cluster
  shoal stats --no-stream --format '{{.Name}}\\t{{.CPUPerc}}'`,
    )
    .action(async (services: string[], flags: StatsFlags) => {
      parseChoice('--by', flags.by, groupings);
      parseChoice('--sort', flags.sort, sortColumns);
      await showStats(cli, services, flags);
    });
}

type StatsView = Pick<ProjectView, 'tasks' | 'nodes' | 'services'>;

async function showStats(cli: Cli, services: readonly string[], flags: StatsFlags): Promise<void> {
  const everywhere = flags.allProjects === true;
  const { client, project } = everywhere
    ? { client: await cli.connect(), project: undefined }
    : await openProject(cli);
  const args = project === undefined ? {} : { project };
  const { signal } = cli.interrupts;
  const readView = async (): Promise<StatsView> => {
    const [tasks, nodes, found] = await Promise.all([
      client.call('task.list', args, { signal }),
      client.call('node.list', {}, { signal }),
      client.call('service.list', args, { signal }),
    ]);
    return { tasks, nodes: new Map(nodes.map((node) => [node.id, node])), services: found };
  };
  let seen = await readView();
  if (services.length > 0) {
    checkServices(services, seen.services, seen.tasks);
  }
  const silent = failOrWarnOfSilentNodes(cli, seen, shownTasks(seen, services, flags));
  let usage = emptyUsage;
  const began = performance.now();
  const ending = new AbortController();
  for await (const message of streamStats(client, args, AbortSignal.any([signal, ending.signal]))) {
    usage = applyStats(usage, message);
    const shown = shownTasks(seen, services, flags);
    if (!flags.stream) {
      if (
        !isSettled(
          shown.filter(({ nodeId }) => !silent.has(nodeId ?? '')),
          usage,
          performance.now() - began,
        )
      )
        continue;
      cli.stdout.write(render(seen, shown, usage, flags));
      ending.abort();
      return;
    }
    await repaint(cli, render(seen, shown, usage, flags));
    seen = await readView();
  }
  if (signal.aborted) throw new AppError('cancelled', 'interrupted');
  throw new AppError('unavailable', 'stats: manager closed the stream');
}

/**
 * Names the nodes whose engine does not answer and returns their ids. Throws `unavailable` if no
 * other node has a container to show.
 */
function failOrWarnOfSilentNodes(
  cli: Cli,
  view: StatsView,
  shown: readonly Task[],
): ReadonlySet<string> {
  const names = silentNodes(view, shown);
  const ids = [...view.nodes.values()].filter(({ spec }) => names.includes(spec.name));
  const silent = new Set<string>(ids.map(({ id }) => id));
  const text = `node ${names.join(', ')}: the Docker engine does not answer`;
  if (names.length > 0 && shown.every(({ nodeId }) => silent.has(nodeId ?? ''))) {
    throw new AppError('unavailable', `stats: ${text}; check "systemctl status docker" on it`);
  }
  if (names.length > 0) warn(cli, `${text}; its statistics are missing`);
  return silent;
}

/** True if all running tasks have two samples, or after the maximum wait. */
function isSettled(tasks: readonly Task[], usage: UsageState, passedMs: number): boolean {
  if (passedMs >= maxSettleMs) return true;
  const running = tasks.filter(({ status }) => status.state === 'running');
  return passedMs >= 2_200 && running.every(({ id }) => usage.tasks.has(id));
}

/** Repaints a terminal; other output gets one list after the other, as in Docker. */
async function repaint(cli: Cli, text: string): Promise<void> {
  const { isTTY, rows } = cli.stdout;
  await cli.stdout.send(isTTY ? `\u001b[H\u001b[2J${cropped(text, rows)}` : text);
}

/** Cuts the text to the terminal's height, so that the first lines stay visible. */
function cropped(text: string, rows: number): string {
  const lines = text.trimEnd().split('\n');
  if (!(rows >= 3) || lines.length < rows) return text;
  const kept = lines.slice(0, rows - 2);
  return `${kept.join('\n')}\n… ${lines.length - kept.length} more\n`;
}

function shownTasks(
  view: StatsView,
  services: readonly string[],
  { all }: StatsFlags,
): readonly Task[] {
  return tasksOf(view, services).filter(
    (task) => all === true || (isLiveTask(task) && task.status.state === 'running'),
  );
}

function render(
  view: StatsView,
  tasks: readonly Task[],
  usage: UsageState,
  flags: StatsFlags,
): string {
  if (flags.by === 'service') {
    return formatList(
      flags.format,
      serviceHeader,
      serviceRows(view.services, tasks, usage, flags.sort),
    );
  }
  if (flags.by === 'node') {
    return formatList(
      flags.format,
      nodeHeader,
      nodeRows([...view.nodes.values()], tasks, usage, flags.sort),
    );
  }
  const weightOf = ({ id }: Task): ReturnType<typeof totalUsage> => {
    const use = usage.tasks.get(id);
    return totalUsage(use === undefined ? [] : [use]);
  };
  const shown =
    flags.sort === 'name'
      ? tasks
      : sortByUsage(tasks, flags.sort, ({ containerName }) => containerName, weightOf);
  const items = shown.map((task) => {
    const node = task.nodeId === undefined ? undefined : view.nodes.get(task.nodeId);
    return listed(task, node, usage.tasks.get(task.id), flags.trunc);
  });
  return formatList(flags.format, header, items);
}

function listed(
  task: Task,
  node: Node | undefined,
  use: TaskUsage | undefined,
  truncate: boolean,
): ListItem {
  const id = task.status.containerId ?? '';
  const ID = truncate ? id.slice(0, 12) : id;
  const Node = node?.spec.name ?? '';
  const texts = use === undefined ? unknown : measured(use);
  const { CPUPerc, MemUsage, MemPerc, NetIO, BlockIO, PIDs } = texts;
  return {
    cells: [ID, task.containerName, Node, CPUPerc, MemUsage, MemPerc, NetIO, BlockIO, PIDs],
    record: { Container: ID, ID, Name: task.containerName, Node, ...texts },
  };
}

const unknown = {
  CPUPerc: '--',
  MemUsage: '-- / --',
  MemPerc: '--',
  NetIO: '--',
  BlockIO: '--',
  PIDs: '--',
};

function measured(use: TaskUsage): typeof unknown {
  const share = use.memoryLimitBytes === 0 ? 0 : (use.memoryBytes / use.memoryLimitBytes) * 100;
  return {
    CPUPerc: `${use.cpuPercent.toFixed(2)}%`,
    MemUsage: `${binaryBytes(use.memoryBytes)} / ${binaryBytes(use.memoryLimitBytes)}`,
    MemPerc: `${share.toFixed(2)}%`,
    NetIO: `${decimalBytes(use.rxBytes)} / ${decimalBytes(use.txBytes)}`,
    BlockIO: `${decimalBytes(use.readBytes)} / ${decimalBytes(use.writeBytes)}`,
    PIDs: String(use.pids),
  };
}
