import { Command } from 'commander';
import type { Service } from '../../../manager/common/model/service.js';
import type { Task } from '../../../manager/common/model/task.js';
import { isTerminal } from '../../../manager/common/model/task-state.js';
import type { Cli } from '../../cli.js';
import { humanDuration } from '../../../manager/common/base/human-duration.js';
import { oneLine } from '../../output/table.js';
import { statusText } from '../../../manager/common/model/container-state.js';
import { updateText } from '../../output/update-text.js';
import { startFailure } from '../../rollout/follow/up-state.js';
import type { ProjectView } from '../../project/selection.js';
import { isLive, serviceNames, tasksOf, viewProject } from '../../project/selection.js';

export function explainCommand(cli: Cli): Command {
  return new Command('explain')
    .description("Say where a service's tasks are and why, or why they are not")
    .argument('[services...]')
    .action(async (services: string[]) => {
      const view = await viewProject(cli, services);
      for (const name of serviceNames(view, services)) {
        const service = view.services.find(({ spec }) => spec.service === name);
        if (service !== undefined) cli.stdout.write(explain(view, service, cli.now()));
      }
    });
}

/** Messages of engines and images come from outside; the indentation is ours. */
function harmlessLine(line: string): string {
  const [indent = ''] = /^ */u.exec(line) ?? [];
  return indent + oneLine(line.slice(indent.length));
}

/** How many failed tries of the past are worth a line. */
const shownFailures = 3;

/** A paragraph about a service: what it wants, then each task with its reasons. */
export function explain(
  view: Pick<ProjectView, 'tasks' | 'nodes'>,
  service: Service,
  now: number,
): string {
  const tasks = tasksOf(view, [service.spec.service]);
  const live = tasks.filter(isLive);
  const running = live.filter(({ status }) => status.state === 'running').length;
  const failed = tasks.filter(({ status }) =>
    ['failed', 'rejected', 'orphaned'].includes(status.state),
  );
  const lines = [
    `service ${service.spec.service}: ${wantedText(service)}, ${running} running`,
    ...updateLines(service, now),
    ...gateLines(service),
    ...live.flatMap((task) => taskLines(task, view, now)),
    ...failed.slice(0, shownFailures).map((task) => failureLine(task, service, view, now)),
  ];
  return lines.map((line) => `${harmlessLine(line)}\n`).join('');
}

function wantedText({ spec, removing }: Service): string {
  if (removing) return 'is being removed';
  if (spec.halted) return 'stopped ("shoal start" runs it)';
  if (spec.held === true) return 'created, not started ("shoal start" runs it)';
  if (spec.mode.kind === 'global') return 'one task per node wanted';
  return `${spec.mode.replicas} wanted`;
}

function updateLines(service: Service, now: number): readonly string[] {
  const text = updateText(service, now);
  if (text === undefined) return [];
  const isPaused = service.updateStatus?.state === 'paused';
  return [
    `  ${text}`,
    ...(isPaused ? ['  goes on with "shoal up", goes back with "shoal rollback"'] : []),
  ];
}

function gateLines(service: Service): readonly string[] {
  if (service.dependenciesMet || service.spec.dependsOn.length === 0) return [];
  const needs = service.spec.dependsOn.map(
    ({ service: name, condition }) => `${name} (${condition.replace('service_', '')})`,
  );
  return [`  waits for ${needs.join(', ')}`];
}

function taskLines(task: Task, view: Pick<ProjectView, 'nodes'>, now: number): readonly string[] {
  const node = task.nodeId === undefined ? undefined : view.nodes.get(task.nodeId);
  const where = node === undefined ? '' : ` on ${node.spec.name}`;
  const status = node === undefined ? 'Pending' : statusText(task, now, node);
  const summary = task.explanation?.summary ?? 'not looked at yet';
  const reasons = (task.explanation?.reasons ?? []).filter((reason) => reason !== summary);
  return [
    `  ${task.containerName}${where}: ${status}`,
    `    ${task.nodeId === undefined ? 'why not' : 'why'}: ${summary}`,
    ...reasons.map((reason) => `      ${reason}`),
  ];
}

function failureLine(
  task: Task,
  service: Service,
  view: Pick<ProjectView, 'nodes'>,
  now: number,
): string {
  const node = task.nodeId === undefined ? undefined : view.nodes.get(task.nodeId);
  const ago = humanDuration(now - task.status.at);
  const state = isTerminal(task.status.state) ? task.status.state : 'failed';
  const code = task.status.exitCode === undefined ? '' : ` with code ${task.status.exitCode}`;
  const reason = task.status.state === 'rejected' ? `: ${startFailure(service, task, node)}` : code;
  return `  ${task.containerName} ${state} ${ago} ago on ${node?.spec.name ?? 'no node'}${reason}`;
}
