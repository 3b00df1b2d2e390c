import type { Task } from '../../../../manager/common/model/task.js';
import { shortBytes } from '../../../output/quantity.js';
import { portsText } from '../../../output/ports.js';
import { statusText } from '../../../../manager/common/model/container-state.js';
import { stateMarkOf, taskStateName } from '../paint/glyphs.js';
import { serviceStyle } from '../paint/spans.js';
import type { Column, RenderContext, ListScope } from '../state/view.js';
import { defineView } from '../state/view.js';
import { sumUsage, useColumns } from './parts.js';
import { ageColumn, machineColumn, stateColumn } from './columns.js';

function items({ world }: RenderContext, scope: ListScope): readonly Task[] {
  const all = scope.history === true ? [...world.tasks.values()] : world.currentTasks();
  return all.filter(
    (task) =>
      (scope.project === undefined || task.project === scope.project) &&
      (scope.serviceId === undefined || task.serviceId === scope.serviceId) &&
      (scope.nodeId === undefined || task.nodeId === scope.nodeId) &&
      (scope.image === undefined || task.spec.container.image === scope.image) &&
      (scope.networkId === undefined ||
        task.attachments.some(({ networkId }) => networkId === scope.networkId)),
  );
}

const mark = (task: Task, { world, glyphs }: RenderContext) =>
  stateMarkOf(taskStateName(task, world.nodeOf(task)), glyphs);

const bad = new Set(['bad', 'warn']);

const columns: readonly Column<Task>[] = [
  {
    key: 'name',
    title: 'NAME',
    width: 18,
    max: 40,
    priority: 0,
    text: (task) => task.containerName,
    style: (task) => serviceStyle(`${task.project}/${task.service}`),
  },
  stateColumn(mark),
  machineColumn((task) => task, 1),
  ...useColumns<Task>(
    (task, { world }) => sumUsage(world, [task]),
    ({ id }) => id,
  ),
  {
    key: 'restarts',
    title: 'RST',
    width: 3,
    priority: 4,
    right: true,
    text: ({ status }) => String(status.restarts ?? 0),
    order: ({ status }) => status.restarts ?? 0,
    style: ({ status }) => ((status.restarts ?? 0) > 0 ? 'warn' : 'dim'),
  },
  ageColumn(3),
  {
    key: 'net',
    title: 'NET',
    width: 11,
    priority: 8,
    right: true,
    text: ({ id }, { world }) => {
      const use = world.taskUse.get(id);
      return use === undefined ? '-' : `${shortBytes(use.rxBytes)}/${shortBytes(use.txBytes)}`;
    },
    order: ({ id }, { world }) => world.taskUse.get(id)?.rxPerSecond ?? 0,
  },
  {
    key: 'io',
    title: 'DISK IO',
    width: 11,
    priority: 9,
    right: true,
    text: ({ id }, { world }) => {
      const use = world.taskUse.get(id);
      return use === undefined ? '-' : `${shortBytes(use.readBytes)}/${shortBytes(use.writeBytes)}`;
    },
    order: ({ id }, { world }) => world.taskUse.get(id)?.writePerSecond ?? 0,
  },
  {
    key: 'address',
    title: 'ADDRESS',
    width: 15,
    priority: 6,
    text: ({ attachments }) => attachments.map(({ address }) => address).join(','),
  },
  {
    key: 'ports',
    title: 'PORTS',
    width: 12,
    max: 30,
    priority: 6,
    text: (task, { world }) => portsText(task, world.nodeOf(task)?.description.address ?? ''),
  },
  {
    key: 'status',
    title: 'STATUS',
    width: 12,
    max: 60,
    priority: 5,
    text: (task, { world, now }) => statusText(task, now, world.nodeOf(task)),
  },
];

export const tasksView = defineView<Task>({
  name: 'tasks',
  title: 'Tasks',
  aliases: ['tasks', 'task', 'ta', 'ps', 'containers'],
  sort: { column: 'name', descending: false },
  columns,
  items,
  id: ({ id }) => id,
  text: (task, look) =>
    `${task.containerName} ${mark(task, look).word} ${look.world.nodeOf(task)?.spec.name ?? ''} ${task.spec.container.image}`,
  labels: ({ spec }) => spec.container.labels,
  hasProblem: (task, look) => bad.has(mark(task, look).style),
});
