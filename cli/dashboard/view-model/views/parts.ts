import { currentUpdate } from '../../../../manager/common/model/rollback.js';
import type { Service } from '../../../../manager/common/model/service.js';
import type { Task } from '../../../../manager/common/model/task.js';
import { isTerminal } from '../../../../manager/common/model/task-state.js';
import { shortBytes } from '../../../output/quantity.js';
import { sparkline } from '../paint/glyphs.js';
import type { Column, RenderContext } from '../state/view.js';
import type { ClusterState } from '../state/cluster-state.js';

export function isActiveTask(task: Task): boolean {
  return !isTerminal(task.status.state) && (task.desired === 'ready' || task.desired === 'running');
}

/** True for a running task on a ready node; the state of other nodes' tasks is not known. */
export function isRunning(world: ClusterState, task: Task): boolean {
  return (
    task.status.state === 'running' &&
    task.desired !== 'remove' &&
    world.nodeOf(task)?.status.state === 'ready'
  );
}

export interface ReplicaCounts {
  readonly running: number;
  readonly wanted: number;
}

/** Replica counts; a global service wants as many as it has slots with live tasks. */
export function replicaCounts(world: ClusterState, service: Service): ReplicaCounts {
  const tasks = world.tasksOf(service.id);
  const running = tasks.filter((task) => isActiveTask(task) && isRunning(world, task)).length;
  const { mode, halted } = service.spec;
  if (halted || service.removing) return { running, wanted: 0 };
  const slots = new Set(tasks.filter(isActiveTask).map(({ slot }) => slot)).size;
  return { running, wanted: mode.kind === 'replicated' ? mode.replicas : slots };
}

/** The state of a service as a key of the marks in glyphs.ts. */
export function serviceStateName(service: Service, { running, wanted }: ReplicaCounts): string {
  if (service.removing) return 'removing';
  if (service.spec.halted) return 'stopped';
  const update = currentUpdate(service);
  if (update?.state === 'paused') return 'stuck';
  if (update?.state === 'running') return update.kind === 'rollback' ? 'rollback' : 'updating';
  if (running >= wanted) return 'running';
  return running === 0 ? 'pending' : 'partial';
}

export interface UsageSum {
  readonly cpuPercent: number;
  readonly memoryBytes: number;
  /** Number of tasks with statistics; the sums are meaningless if it is 0. */
  readonly measured: number;
}

export function sumUsage(world: ClusterState, tasks: readonly Task[]): UsageSum {
  let [cpuPercent, memoryBytes, measured] = [0, 0, 0];
  for (const { id } of tasks) {
    const use = world.taskUse.get(id);
    if (use === undefined) continue;
    cpuPercent += use.cpuPercent;
    memoryBytes += use.memoryBytes;
    measured += 1;
  }
  return { cpuPercent, memoryBytes, measured };
}

export function cpuText(percent: number | undefined): string {
  if (percent === undefined) return '-';
  return percent >= 99.95 ? percent.toFixed(0) : percent.toFixed(1);
}

/** Columns for CPU and memory with their sparklines; `historyId` names the history to draw. */
export function useColumns<T>(
  use: (item: T, look: RenderContext) => UsageSum,
  historyId: (item: T) => string | undefined,
): readonly Column<T>[] {
  return [
    {
      key: 'cpu',
      title: 'CPU%',
      width: 5,
      priority: 2,
      right: true,
      text: (item, look) => {
        const { cpuPercent, measured } = use(item, look);
        return cpuText(measured === 0 ? undefined : cpuPercent);
      },
      order: (item, look) => use(item, look).cpuPercent,
    },
    {
      key: 'trend',
      title: 'TREND',
      width: 8,
      max: 16,
      priority: 7,
      text: (item, { world, glyphs }) =>
        sparkline(world.history.get(historyId(item) ?? '') ?? [], 8, glyphs),
      style: () => 'accent',
      order: (item, look) => use(item, look).cpuPercent,
    },
    {
      key: 'mem',
      title: 'MEM',
      width: 5,
      priority: 3,
      right: true,
      text: (item, look) => {
        const { memoryBytes, measured } = use(item, look);
        return measured === 0 ? '-' : shortBytes(memoryBytes);
      },
      order: (item, look) => use(item, look).memoryBytes,
    },
    {
      key: 'memtrend',
      title: 'MEMTREND',
      width: 8,
      max: 16,
      priority: 10,
      text: (item, { world, glyphs }) =>
        sparkline(world.memoryHistory.get(historyId(item) ?? '') ?? [], 8, glyphs),
      style: () => 'accent',
      order: (item, look) => use(item, look).memoryBytes,
    },
  ];
}
