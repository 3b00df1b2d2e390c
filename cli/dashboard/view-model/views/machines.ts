import type { Node } from '../../../../manager/common/model/node.js';
import { shortBytes } from '../../../output/quantity.js';
import { barText, stateMarkOf, nodeStateName, shareStyle, sparkline } from '../paint/glyphs.js';
import { age } from '../paint/text.js';
import type { Column, RenderContext } from '../state/view.js';
import { defineView } from '../state/view.js';
import { isActiveTask, isRunning } from './parts.js';
import { stateColumn } from './columns.js';

const mark = (node: Node, { glyphs }: RenderContext) => stateMarkOf(nodeStateName(node), glyphs);

function tasksOn(
  node: Node,
  { world }: RenderContext,
): { readonly running: number; readonly live: number } {
  const tasks = world.tasksOn(node.id);
  return {
    running: tasks.filter((task) => isRunning(world, task)).length,
    live: tasks.filter(isActiveTask).length,
  };
}

function memoryShare(node: Node, { world }: RenderContext): number {
  const use = world.nodeUse.get(node.id);
  return use === undefined || use.memoryBytes === 0 ? 0 : use.memoryUsedBytes / use.memoryBytes;
}

const state: readonly Column<Node>[] = [
  {
    key: 'name',
    title: 'NAME',
    width: 12,
    max: 30,
    priority: 0,
    text: ({ spec }) => spec.name,
    style: () => 'bold',
  },
  stateColumn(mark, 9),
  { key: 'role', title: 'ROLE', width: 7, priority: 5, text: ({ spec }) => spec.role },
  {
    key: 'tasks',
    title: 'TASKS',
    width: 7,
    priority: 0,
    right: true,
    text: (node, look) => {
      const { running, live } = tasksOn(node, look);
      return `${running}/${live}`;
    },
    order: (node, look) => tasksOn(node, look).running,
  },
];

const use: readonly Column<Node>[] = [
  {
    key: 'cpu',
    title: 'CPU',
    width: 10,
    priority: 1,
    text: ({ id }, { world, glyphs }) => {
      const percent = world.nodeUse.get(id)?.cpuPercent;
      if (percent === undefined) return '-';
      return `${barText(percent / 100, 5, glyphs)} ${percent.toFixed(0).padStart(3)}%`;
    },
    order: ({ id }, { world }) => world.nodeUse.get(id)?.cpuPercent ?? 0,
    style: ({ id }, { world }) => shareStyle((world.nodeUse.get(id)?.cpuPercent ?? 0) / 100),
  },
  {
    key: 'trend',
    title: 'TREND',
    width: 8,
    priority: 6,
    text: ({ id }, { world, glyphs }) => sparkline(world.history.get(id) ?? [], 8, glyphs, 100),
    style: () => 'accent',
  },
  {
    key: 'mem',
    title: 'MEM',
    width: 17,
    priority: 2,
    text: (node, look) => {
      const seen = look.world.nodeUse.get(node.id);
      if (seen === undefined) return '-';
      const bar = barText(memoryShare(node, look), 5, look.glyphs);
      return `${bar} ${shortBytes(seen.memoryUsedBytes)}/${shortBytes(seen.memoryBytes)}`;
    },
    order: memoryShare,
    style: (node, look) => shareStyle(memoryShare(node, look)),
  },
  {
    key: 'memtrend',
    title: 'MEMTREND',
    width: 8,
    priority: 10,
    text: (node, { world, glyphs }) =>
      sparkline(
        world.memoryHistory.get(node.id) ?? [],
        8,
        glyphs,
        world.nodeUse.get(node.id)?.memoryBytes,
      ),
    style: () => 'accent',
  },
  {
    key: 'disk',
    title: 'DISK',
    width: 5,
    priority: 4,
    right: true,
    text: ({ id }, { world }) => {
      const seen = world.nodeUse.get(id);
      if (seen === undefined || seen.diskBytes === 0) return '-';
      return `${Math.round((seen.diskUsedBytes / seen.diskBytes) * 100)}%`;
    },
    order: ({ id }, { world }) => world.nodeUse.get(id)?.diskUsedBytes ?? 0,
  },
  {
    key: 'load',
    title: 'LOAD',
    width: 5,
    priority: 4,
    right: true,
    text: ({ id }, { world }) => world.nodeUse.get(id)?.load1.toFixed(1) ?? '-',
    order: ({ id }, { world }) => world.nodeUse.get(id)?.load1 ?? 0,
  },
];

const descriptionColumns: readonly Column<Node>[] = [
  {
    key: 'address',
    title: 'ADDRESS',
    width: 15,
    priority: 3,
    text: ({ description }) => description.address,
  },
  {
    key: 'engine',
    title: 'ENGINE',
    width: 9,
    priority: 7,
    text: ({ description }) => description.engineVersion,
  },
  {
    key: 'since',
    title: 'FOR',
    width: 4,
    priority: 8,
    right: true,
    text: ({ status }, { now }) => age(now - status.since),
    order: ({ status }) => -status.since,
  },
  {
    key: 'labels',
    title: 'LABELS',
    width: 10,
    max: 40,
    priority: 9,
    text: ({ spec }) =>
      Object.entries(spec.labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(','),
  },
];

export const machinesView = defineView<Node>({
  name: 'machines',
  title: 'Machines',
  aliases: ['machines', 'machine', 'nodes', 'node', 'no'],
  sort: { column: 'name', descending: false },
  columns: [...state, ...use, ...descriptionColumns],
  items: ({ world }) => [...world.nodes.values()],
  id: ({ id }) => id,
  text: ({ spec, description, status }) => `${spec.name} ${description.address} ${status.state}`,
  labels: ({ spec }) => spec.labels,
  hasProblem: (node) => nodeStateName(node) !== 'ready',
});
