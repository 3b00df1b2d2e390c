import { Command } from 'commander';
import { AppError } from '../../manager/base/errors.js';
import type { Node } from '../../manager/model/node.js';
import type { Task } from '../../manager/model/task.js';
import { isTerminal } from '../../manager/model/task-state.js';
import type { Cli } from '../cli.js';
import { humanDuration } from '../output/duration.js';
import type { Listed } from '../output/format.js';
import { formatList } from '../output/format.js';
import { portsText, publishers } from '../output/ports.js';
import { containerState, statusText } from '../output/task-status.js';
import { collect } from './options.js';
import type { ProjectView } from './selection.js';
import { isLive, tasksOf, viewProject } from './selection.js';

interface PsFlags {
  readonly all?: boolean;
  readonly quiet?: boolean;
  readonly services?: boolean;
  readonly format?: string;
  readonly status?: readonly string[];
  readonly filter?: readonly string[];
  readonly trunc: boolean;
}

const header = [
  'NAME',
  'IMAGE',
  'COMMAND',
  'SERVICE',
  'NODE',
  'CREATED',
  'STATUS',
  'RESTARTS',
  'PORTS',
];

const states = [
  'created',
  'dead',
  'exited',
  'paused',
  'pending',
  'removing',
  'restarting',
  'running',
];

export function psCommand(cli: Cli): Command {
  return new Command('ps')
    .description('List containers, the node each runs on and how often it was restarted')
    .argument('[services...]')
    .option('-a, --all', 'show all containers, also stopped ones')
    .option('-q, --quiet', 'only display IDs')
    .option('--services', 'display services')
    .option('--format <format>', 'table, json, or a template')
    .option('--status <status>', `filter by status: ${states.join(', ')}`, collect)
    .option('--filter <filter>', 'filter by a property: status=STATUS', collect)
    .option('--no-trunc', "don't truncate output")
    .option('--orphans', 'include services that are not in the file (always)')
    .action(async (services: string[], flags: PsFlags) => {
      const wanted = statusFilter(flags);
      const view = await viewProject(cli, services);
      const shown = withoutAdopted(tasksOf(view, services)).filter(isShown(view, flags, wanted));
      cli.stdout.write(render(cli, view, shown, flags));
    });
}

function statusFilter(flags: PsFlags): readonly string[] {
  const filters = (flags.filter ?? []).map((filter) => {
    const [key, value] = filter.split('=', 2);
    if (key === 'status' && value !== undefined) return value;
    throw new AppError('invalid', `unknown filter "${filter}": use status=STATUS`);
  });
  const wanted = [...(flags.status ?? []), ...filters];
  const unknown = wanted.find((status) => !states.includes(status));
  if (unknown === undefined) return wanted;
  throw new AppError('invalid', `unknown status "${unknown}": use one of ${states.join(', ')}`);
}

function isShown(
  view: ProjectView,
  flags: PsFlags,
  wanted: readonly string[],
): (task: Task) => boolean {
  return (task) => {
    if (wanted.length > 0) return wanted.includes(containerState(task));
    if (flags.all === true) return true;
    if (isLive(task)) return true;
    // On its way out; on a node that is down it is only a memory.
    return !isTerminal(task.status.state) && nodeOf(view, task)?.status.state !== 'down';
  };
}

/** A stopped task whose container another one has taken over is told of by that one. */
function withoutAdopted(tasks: readonly Task[]): readonly Task[] {
  const adopted = new Set(tasks.flatMap(({ adopts }) => adopts ?? []));
  return tasks.filter(({ id }) => !adopted.has(id));
}

function nodeOf(view: ProjectView, task: Task): Node | undefined {
  return task.nodeId === undefined ? undefined : view.nodes.get(task.nodeId);
}

function render(cli: Cli, view: ProjectView, tasks: readonly Task[], flags: PsFlags): string {
  if (flags.quiet === true) {
    const ids = tasks.flatMap(({ status }) => status.containerId ?? []);
    return ids.map((id) => `${id}\n`).join('');
  }
  if (flags.services === true) {
    const names = [...new Set(tasks.map(({ service }) => service))].sort();
    return names.map((name) => `${name}\n`).join('');
  }
  const items = tasks.map((task) => listed(task, nodeOf(view, task), cli.now(), flags.trunc));
  return formatList(flags.format, header, items);
}

/** What process 1 is, quoted as Docker does; of a task that has no container yet, what the file says. */
function commandText(task: Task, truncate: boolean): string {
  const { container } = task.spec;
  const words = task.status.command ?? [
    ...(container.entrypoint ?? []),
    ...(container.command ?? []),
  ];
  const text = words.join(' ');
  return `"${truncate && text.length > 20 ? `${text.slice(0, 19)}…` : text}"`;
}

function listed(task: Task, node: Node | undefined, now: number, truncate: boolean): Listed {
  const command = commandText(task, truncate);
  const created = `${humanDuration(now - task.createdAt)} ago`;
  const status = statusText(task, now, node);
  const address = node?.description.address ?? '';
  const ports = isTerminal(task.status.state) ? '' : portsText(task, address);
  const name = task.containerName;
  const { image } = task.spec.container;
  const restarts = task.status.restarts ?? 0;
  const nodeName = node?.spec.name ?? '';
  const id = task.status.containerId ?? '';
  return {
    cells: [
      name,
      image,
      command,
      task.service,
      nodeName,
      created,
      shorten(status, truncate),
      String(restarts),
      ports,
    ],
    record: {
      Command: command,
      CreatedAt: new Date(task.createdAt).toISOString(),
      ExitCode: task.status.exitCode ?? 0,
      Health: task.status.health ?? '',
      ID: truncate ? id.slice(0, 12) : id,
      Image: image,
      Labels: labelsText(task),
      LocalVolumes: String(
        task.spec.container.mounts.filter(({ type }) => type === 'volume').length,
      ),
      Mounts: mountsText(task),
      Name: name,
      Names: name,
      Networks: task.attachments.map(({ network }) => network).join(','),
      Node: nodeName,
      Ports: ports,
      Project: task.project,
      Publishers: isTerminal(task.status.state) ? [] : publishers(task, address),
      Restarts: restarts,
      RunningFor: created,
      Service: task.service,
      Size: '0B',
      Slot: task.slot,
      State: containerState(task),
      Status: status,
    },
  };
}

function shorten(text: string, truncate: boolean): string {
  return truncate && text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

function labelsText(task: Task): string {
  const labels = Object.entries({
    ...task.spec.container.labels,
    'com.docker.compose.container-number': String(task.slot),
  });
  return labels.map(([key, value]) => `${key}=${value}`).join(',');
}

function mountsText(task: Task): string {
  return task.spec.container.mounts
    .flatMap((mount) => ('source' in mount ? mount.source : []))
    .join(',');
}
