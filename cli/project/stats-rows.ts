import type { Node } from '../../manager/common/model/node.js';
import type { Service } from '../../manager/common/model/service.js';
import type { Task } from '../../manager/common/model/task.js';
import type { TaskUsage } from '../../manager/common/protocol/statistics.js';
import type { UsageState } from '../client/usage.js';
import type { ListItem } from '../output/format.js';
import { binaryBytes, decimalBytes } from '../output/quantity.js';
import { compareNatural } from './selection.js';

export const sortColumns = ['name', 'cpu', 'mem'] as const;
export type SortColumn = (typeof sortColumns)[number];

interface Weight {
  readonly cpu: number;
  readonly mem: number;
}

/** Total usage; -1 without samples, so that such rows sort last. */
export function totalUsage(uses: readonly TaskUsage[]): Weight {
  if (uses.length === 0) return { cpu: -1, mem: -1 };
  return {
    cpu: uses.reduce((sum, { cpuPercent }) => sum + cpuPercent, 0),
    mem: uses.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
  };
}

/** Sorts by name, or by descending usage and then by name. */
export function sortByUsage<Item>(
  items: readonly Item[],
  order: SortColumn,
  nameOf: (item: Item) => string,
  weightOf: (item: Item) => Weight,
): readonly Item[] {
  const byName = [...items].sort((a, b) => compareNatural(nameOf(a), nameOf(b)));
  if (order === 'name') return byName;
  return byName
    .map((item) => ({ item, weight: weightOf(item)[order] }))
    .sort((a, b) => b.weight - a.weight)
    .map(({ item }) => item);
}

export const serviceHeader = [
  'SERVICE',
  'REPLICAS',
  'CPU %',
  'MEM USAGE',
  'NET I/O',
  'BLOCK I/O',
  'PIDS',
];

/** Table rows with the total usage of each service's tasks; services without tasks are omitted. */
export function serviceRows(
  services: readonly Service[],
  tasks: readonly Task[],
  usage: UsageState,
  order: SortColumn = 'name',
): readonly ListItem[] {
  const usesOf = ({ id }: Service): readonly TaskUsage[] =>
    tasks.flatMap((task) => (task.serviceId === id ? (usage.tasks.get(task.id) ?? []) : []));
  return sortByUsage(
    services,
    order,
    ({ spec }) => spec.name,
    (service) => totalUsage(usesOf(service)),
  ).flatMap(({ id, spec }) => {
    const own = tasks.filter(({ serviceId }) => serviceId === id);
    if (own.length === 0) return [];
    const uses = own.flatMap((task) => usage.tasks.get(task.id) ?? []);
    const running = own.filter(({ status }) => status.state === 'running').length;
    const wanted = spec.mode.kind === 'replicated' ? spec.mode.replicas : own.length;
    const Replicas = `${running}/${spec.halted ? 0 : wanted}`;
    const texts = sumTexts(uses);
    const { CPUPerc, MemUsage, NetIO, BlockIO, PIDs } = texts;
    return [
      {
        cells: [spec.service, Replicas, CPUPerc, MemUsage, NetIO, BlockIO, PIDs],
        record: { Name: spec.service, Project: spec.project, Replicas, ...texts },
      },
    ];
  });
}

function sumTexts(uses: readonly TaskUsage[]): Readonly<Record<SumField, string>> {
  const sum = (value: (use: TaskUsage) => number): number =>
    uses.reduce((total, use) => total + value(use), 0);
  if (uses.length === 0) {
    return { CPUPerc: '--', MemUsage: '--', NetIO: '--', BlockIO: '--', PIDs: '--' };
  }
  const inOut = (a: number, b: number): string => `${decimalBytes(a)} / ${decimalBytes(b)}`;
  return {
    CPUPerc: `${sum(({ cpuPercent }) => cpuPercent).toFixed(2)}%`,
    MemUsage: binaryBytes(sum(({ memoryBytes }) => memoryBytes)),
    NetIO: inOut(
      sum(({ rxBytes }) => rxBytes),
      sum(({ txBytes }) => txBytes),
    ),
    BlockIO: inOut(
      sum(({ readBytes }) => readBytes),
      sum(({ writeBytes }) => writeBytes),
    ),
    PIDs: String(sum(({ pids }) => pids)),
  };
}

type SumField = 'CPUPerc' | 'MemUsage' | 'NetIO' | 'BlockIO' | 'PIDs';

export const nodeHeader = ['NODE', 'TASKS', 'CPU %', 'MEM USAGE / TOTAL', 'LOAD', 'DISK'];

/** Table rows with the usage of each machine as a whole. */
export function nodeRows(
  nodes: readonly Node[],
  tasks: readonly Task[],
  usage: UsageState,
  order: SortColumn = 'name',
): readonly ListItem[] {
  const weightOf = ({ id }: Node): Weight => {
    const use = usage.nodes.get(id);
    return { cpu: use?.cpuPercent ?? -1, mem: use?.memoryUsedBytes ?? -1 };
  };
  return sortByUsage(nodes, order, ({ spec }) => spec.name, weightOf).map(({ id, spec }) => {
    const use = usage.nodes.get(id);
    const Name = spec.name;
    const Tasks = String(tasks.filter(({ nodeId }) => nodeId === id).length);
    const CPUPerc = use === undefined ? '--' : `${use.cpuPercent.toFixed(2)}%`;
    const MemUsage =
      use === undefined
        ? '-- / --'
        : `${binaryBytes(use.memoryUsedBytes)} / ${binaryBytes(use.memoryBytes)}`;
    const Load = use === undefined ? '--' : use.load1.toFixed(2);
    const Disk =
      use === undefined
        ? '--'
        : `${binaryBytes(use.diskUsedBytes)} / ${binaryBytes(use.diskBytes)}`;
    return {
      cells: [Name, Tasks, CPUPerc, MemUsage, Load, Disk],
      record: { Name, Tasks, CPUPerc, MemUsage, Load, Disk },
    };
  });
}
