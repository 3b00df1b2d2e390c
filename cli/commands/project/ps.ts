import { Command } from 'commander';
import type { Node } from '../../../manager/common/model/node.js';
import { isOneOff } from '../../../manager/common/model/compose/one-off.js';
import type { Task } from '../../../manager/common/model/task.js';
import { runReference } from '../../../manager/common/model/trust/image-record.js';
import { isTerminal } from '../../../manager/common/model/task-state.js';
import type { Cli } from '../../cli.js';
import { humanDuration } from '../../../manager/common/base/human-duration.js';
import { compileFilters, hasLabel, parseChoice } from '../../output/filter.js';
import type { ListItem } from '../../output/format.js';
import { formatList } from '../../output/format.js';
import { portsText, publishers } from '../../output/ports.js';
import {
  containerState,
  isUnknown,
  statusText,
} from '../../../manager/common/model/container-state.js';
import { collect } from '../../arguments/options.js';
import type { ProjectView } from '../../project/selection.js';
import { isLiveTask, tasksOf, viewProject } from '../../project/selection.js';
import { warnAboutComposeContainers } from '../../rollout/take-over.js';

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
  'unknown',
];

/** The container's state, `unknown` while its node is silent. */
function stateOf(task: Task, node: Node | undefined): string {
  return isUnknown(task, node) ? 'unknown' : containerState(task);
}

export function psCommand(cli: Cli): Command {
  return new Command('ps')
    .description('List containers with their node and restart count')
    .argument('[services...]')
    .option('-a, --all', 'show all containers, including stopped ones')
    .option('-q, --quiet', 'only display IDs')
    .option('--services', 'display services')
    .option('--format <format>', 'table, json, or a template')
    .option('--status <status>', `filter by status: ${states.join(', ')}`, collect)
    .option('--filter <filter>', `filter by a property: ${filterKeys}`, collect)
    .option('--no-trunc', "don't truncate output")
    .option('--orphans', 'include orphaned services, not declared by the project (always on)')
    .action(async (services: string[], flags: PsFlags) => {
      const entries = [
        ...(flags.status ?? []).map((status) => `status=${status}`),
        ...(flags.filter ?? []),
      ];
      const passes = taskFilter(entries);
      const view = await viewProject(cli, services);
      const shown = withoutAdopted(tasksOf(view, services))
        .filter((task) => flags.all === true || !isOneOff(task))
        .filter(isShown(view, flags, entries))
        .filter((task) => passes({ task, node: nodeOf(view, task) }));
      cli.stdout.write(render(cli, view, shown, flags));
      if (view.tasks.length === 0) await warnAboutComposeContainers(cli, view.client, view.project);
    })
    .addHelpText(
      'after',
      `
Examples:
  shoal ps                              running containers and their nodes
  shoal ps -a --filter status=exited    stopped containers
  shoal ps --format 'table {{.Name}}\\t{{.Node}}\\t{{.Status}}'`,
    );
}

interface PlacedTask {
  readonly task: Task;
  readonly node: Node | undefined;
}

const filterKeys = 'status=, name=, service=, node=, health=, label=';

/** Compiles the filters; throws `invalid` for a malformed one before any call to the manager. */
function taskFilter(entries: readonly string[]): (item: PlacedTask) => boolean {
  const wanted = entries.map((entry) =>
    entry.startsWith('status=') ? `status=${parseChoice('status', entry.slice(7), states)}` : entry,
  );
  return compileFilters<PlacedTask>(wanted, {
    status: ({ task, node }, value) => stateOf(task, node) === value,
    name: ({ task }, value) => task.containerName.includes(value),
    service: ({ task }, value) => task.service === value,
    node: ({ node }, value) => node?.spec.name === value,
    health: ({ task }, value) => (task.status.health ?? 'none') === value,
    label: ({ task }, value) => hasLabel(task.spec.container.labels, value),
  });
}

function isShown(
  view: ProjectView,
  flags: PsFlags,
  entries: readonly string[],
): (task: Task) => boolean {
  const byStatus = entries.some((entry) => entry.startsWith('status='));
  return (task) => {
    if (byStatus || flags.all === true) return true;
    if (isLiveTask(task)) return true;
    // A task shutting down is shown, unless its node is down.
    return !isTerminal(task.status.state) && nodeOf(view, task)?.status.state !== 'down';
  };
}

/** Drops stopped tasks whose container a later task has adopted; that task represents it. */
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

/**
 * Command of process 1, quoted like Docker; before the container exists, the command of the spec.
 */
function commandText(task: Task, truncate: boolean): string {
  const { container } = task.spec;
  const words = task.status.command ?? [
    ...(container.entrypoint ?? []),
    ...(container.command ?? []),
  ];
  const text = words.join(' ');
  return `"${truncate && text.length > 20 ? `${text.slice(0, 19)}…` : text}"`;
}

function listed(task: Task, node: Node | undefined, now: number, truncate: boolean): ListItem {
  const command = commandText(task, truncate);
  const created = `${humanDuration(now - task.createdAt)} ago`;
  const status = statusText(task, now, node);
  const address = node?.description.address ?? '';
  const ports = isTerminal(task.status.state) ? '' : portsText(task, address);
  const name = task.containerName;
  const { container } = task.spec;
  const image = truncate ? container.image : runReference(container);
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
      ExitCode: exitCodeOf(task),
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
      State: stateOf(task, node),
      Status: status,
    },
  };
}

/**
 * 0 unless the container has ended, as in docker compose; null for one that ended with an unknown
 * code.
 */
function exitCodeOf({ status: { state, exitCode } }: Task): number | null {
  const hasFailed = state === 'failed' || state === 'rejected' || state === 'orphaned';
  return exitCode ?? (hasFailed ? null : 0);
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
