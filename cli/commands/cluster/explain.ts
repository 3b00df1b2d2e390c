import { Command } from 'commander';
import type { Node } from '../../../manager/common/model/node.js';
import type { Service } from '../../../manager/common/model/service.js';
import type { Task } from '../../../manager/common/model/task.js';
import { isTerminal } from '../../../manager/common/model/task-state.js';
import type { Cli } from '../../cli.js';
import { humanDuration } from '../../../manager/common/base/human-duration.js';
import { runReference } from '../../../manager/common/model/trust/image-record.js';
import { oneLine } from '../../output/table.js';
import { pendingReason, statusText } from '../../../manager/common/model/container-state.js';
import { updateText } from '../../output/update-text.js';
import { startFailure } from '../../rollout/follow/up-state.js';
import type { ProjectView } from '../../project/selection.js';
import { isLiveTask, serviceNames, tasksOf, viewProject } from '../../project/selection.js';

export function explainCommand(cli: Cli): Command {
  return new Command('explain')
    .description("Explain the placement of a service's tasks, or why they are pending")
    .argument('[services...]')
    .action(async (services: string[]) => {
      const view = await viewProject(cli, services);
      for (const name of serviceNames(view, services)) {
        const service = asOne(view.services.filter(({ spec }) => spec.service === name));
        if (service !== undefined) cli.stdout.write(explain(view, service, cli.now()));
      }
    });
}

/** Services with the same key as one: each container that docker compose created is one of them. */
function asOne(services: readonly Service[]): Service | undefined {
  const first = services.find(({ spec }) => !spec.halted) ?? services[0];
  if (first === undefined || services.length === 1) return first;
  const replicas = services.filter(({ spec }) => !spec.halted).length;
  return { ...first, spec: { ...first.spec, mode: { kind: 'replicated', replicas } } };
}

/**
 * Removes control characters and line breaks: engines and images supply parts of the text. Keeps
 * the indentation.
 */
function harmlessLine(line: string): string {
  const [indent = ''] = /^ */u.exec(line) ?? [];
  return indent + oneLine(line.slice(indent.length));
}

/** Maximum number of past failed tasks in the output. */
const shownFailures = 3;

/**
 * Explains a service: desired replicas, update, unmet dependencies, then each task with its
 * reasons, then recent failures.
 */
export function explain(
  view: Pick<ProjectView, 'tasks' | 'nodes'>,
  service: Service,
  now: number,
): string {
  const tasks = tasksOf(view, [service.spec.service]);
  const live = tasks.filter(isLiveTask);
  const running = live.filter((task) => isKnownToRun(task, view.nodes)).length;
  const unknown = live.filter(
    (task) => task.status.state === 'running' && !isKnownToRun(task, view.nodes),
  ).length;
  const failed = tasks.filter(({ status }) =>
    ['failed', 'rejected', 'orphaned'].includes(status.state),
  );
  const lines = [
    `service ${service.spec.service}: ${desiredText(service)}, ${running} running${unknown === 0 ? '' : `, ${unknown} unknown`}`,
    ...imageLines(service),
    ...updateLines(service, now),
    ...dependencyLines(service),
    ...live.flatMap((task) => taskLines(task, view, now)),
    ...failed.slice(0, shownFailures).map((task) => failureLine(task, service, view, now)),
  ];
  return lines.map((line) => `${harmlessLine(line)}\n`).join('');
}

/** Whether the task runs, as far as its node says; a node that is silent says nothing. */
function isKnownToRun(task: Task, nodes: ProjectView['nodes']): boolean {
  const node = nodes.get(task.nodeId ?? '');
  return task.status.state === 'running' && node?.status.state === 'ready';
}

function desiredText({ spec, removing }: Service): string {
  if (removing) return 'is being removed';
  if (spec.halted) return 'stopped; start it with "shoal start"';
  if (spec.held === true) return 'created, not started; start it with "shoal start"';
  if (spec.mode.kind === 'global') return 'one task per node desired';
  return `${spec.mode.replicas} desired`;
}

/** The version that all containers run, of an image that was pinned. */
function imageLines({ spec: { task } }: Service): readonly string[] {
  const { imageDigest } = task.container;
  return imageDigest === undefined ? [] : [`  image ${runReference(task.container)}`];
}

function updateLines(service: Service, now: number): readonly string[] {
  const text = updateText(service, now);
  if (text === undefined) return [];
  const isPaused = service.updateStatus?.state === 'paused';
  return [
    `  ${text}`,
    ...(isPaused ? ['  resume with "shoal up", or go back with "shoal rollback"'] : []),
  ];
}

function dependencyLines(service: Service): readonly string[] {
  if (service.dependenciesMet || service.spec.dependsOn.length === 0) return [];
  const needs = service.spec.dependsOn.map(
    ({ service: name, condition }) => `${name} (${condition.replace('service_', '')})`,
  );
  return [`  waits for ${needs.join(', ')}`];
}

/** Why a task stays on its node although a successor was made for its slot. */
function leavingLines(task: Task, tasks: readonly Task[], node: Node): readonly string[] {
  const successor = tasks.find(
    (other) =>
      other.id !== task.id &&
      other.serviceId === task.serviceId &&
      other.slot === task.slot &&
      other.createdAt > task.createdAt &&
      isLiveTask(other),
  );
  const reason = successor === undefined ? undefined : pendingReason(successor);
  if (successor === undefined || reason === undefined) return [];
  return [`    keeps running on ${node.spec.name}: no other node fits: ${reason}`];
}

function taskLines(
  task: Task,
  view: Pick<ProjectView, 'nodes' | 'tasks'>,
  now: number,
): readonly string[] {
  const node = task.nodeId === undefined ? undefined : view.nodes.get(task.nodeId);
  const where = node === undefined ? '' : ` on ${node.spec.name}`;
  const status = node === undefined ? 'Pending' : statusText(task, now, node);
  const summary = task.explanation?.summary ?? 'not scheduled yet';
  const leaving = node === undefined ? [] : leavingLines(task, view.tasks, node);
  const reasons = (task.explanation?.reasons ?? []).filter((reason) => reason !== summary);
  return [
    `  ${task.containerName}${where}: ${status}`,
    `    ${task.nodeId === undefined ? 'why not' : 'why'}: ${summary}`,
    ...reasons.map((reason) => `      ${reason}`),
    ...leaving,
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
  const where = node?.spec.name ?? 'no node';
  return `  ${task.containerName} ${state} ${ago} ago on ${where}${failureReason(service, task, node)}`;
}

/** Exit code and the engine's error, as far as they are known. */
function failureReason(service: Service, task: Task, node: Node | undefined): string {
  const { state, exitCode, error } = task.status;
  const code = exitCode === undefined ? '' : ` with code ${exitCode}`;
  if (state !== 'rejected' && error === undefined) return code;
  return `${code}: ${startFailure(service, task, node)}`;
}
