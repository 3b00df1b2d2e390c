import type { Service } from '../../../../manager/common/model/service.js';
import type { Task } from '../../../../manager/common/model/task.js';
import { isTerminal } from '../../../../manager/common/model/task-state.js';
import { statusText } from '../../../../manager/common/model/container-state.js';
import { ago, section } from './describe-lines.js';
import { age } from '../paint/text.js';
import type { RenderContext } from '../state/view.js';
import { replicaCounts, isActiveTask } from '../views/parts.js';
import { bySlot, explanationLines } from './task-lines.js';

/** Explains the state of a task: placement, last exit, restarts, previous tasks of its slot. */
export function whyTask(task: Task, look: RenderContext): readonly string[] {
  const { world, now } = look;
  const node = world.nodeOf(task);
  const former = world
    .tasksOf(task.serviceId)
    .filter((other) => other.slot === task.slot && other.id !== task.id)
    .sort((a, b) => b.createdAt - a.createdAt);
  const { status } = task;
  return [
    `${task.containerName}: ${statusText(task, now, node)}`,
    ...section(
      task.nodeId === undefined ? 'Why not placed' : `Why on ${node?.spec.name ?? task.nodeId}`,
      [...explanationLines(task)],
    ),
    ...section('State', [
      `${status.state} for ${age(now - status.at)}, desired ${task.desired}`,
      ...(status.message === '' ? [] : [status.message]),
      ...(status.error === undefined ? [] : [`error: ${status.error}`]),
      ...(status.exitCode === undefined ? [] : [`last exit code ${status.exitCode}`]),
      `${status.restarts ?? 0} restarts by the engine`,
      ...(task.notBefore !== undefined && task.notBefore > now
        ? [`starts in ${age(task.notBefore - now)} at the earliest (restart delay)`]
        : []),
    ]),
    ...section(
      'Machine',
      node === undefined
        ? []
        : [
            `${node.spec.name} is ${node.status.state} (${node.spec.availability}) ${node.status.message}`,
          ],
    ),
    ...section(
      'Previous tasks of this slot',
      former.slice(0, 10).map((other) => {
        const { state, error, exitCode, at, message } = other.status;
        const where = world.nodeOf(other)?.spec.name ?? 'no machine';
        const code = exitCode === undefined ? '' : ` code ${exitCode}`;
        const shown = isTerminal(state) ? `${state}${code}` : `${state}, desired ${other.desired}`;
        return `${shown} ${ago(at, now)} on ${where} ${error ?? message}`.trim();
      }),
    ),
  ];
}

/** Explains the state of a service and of each of its live tasks. */
export function whyService(service: Service, look: RenderContext): readonly string[] {
  const { running, wanted } = replicaCounts(look.world, service);
  const tasks = [...look.world.tasksOf(service.id)].filter(isActiveTask).sort(bySlot);
  const waiting =
    service.dependenciesMet || service.spec.dependsOn.length === 0
      ? []
      : [
          `waiting for ${service.spec.dependsOn.map((item) => `${item.service} (${item.condition})`).join(', ')}`,
        ];
  return [
    `${service.spec.project}/${service.spec.service}: ${running} of ${wanted} running`,
    ...(service.spec.halted ? ['stopped by a user'] : []),
    ...waiting,
    ...tasks.flatMap((task) => ['', ...whyTask(task, look)]),
  ];
}
