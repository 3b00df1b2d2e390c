import type { Node } from '../../../manager/common/model/node.js';
import type { Service } from '../../../manager/common/model/service.js';
import type { Task } from '../../../manager/common/model/task.js';
import { isTerminal } from '../../../manager/common/model/task-state.js';
import type { WatchedState } from '../../client/watched.js';
import { nodeFits } from '../node-fit.js';
import { newestFirst } from '../../client/newest-first.js';

/** The tasks in one slot of a service. */
export interface Slot {
  readonly number: number;
  /** The newest desired task with the service's current task hash. */
  readonly current: Task | undefined;
  /** Earlier up-to-date tasks of the slot that ended, newest first: failed attempts. */
  readonly ended: readonly Task[];
  /** Other tasks that have not ended yet, except on nodes that are down. */
  readonly terminating: readonly Task[];
}

function isWanted(task: Task): boolean {
  return task.desired === 'ready' || task.desired === 'running' || task.desired === 'complete';
}

export function isNodeDown(node: Node | undefined): boolean {
  return node?.status.state === 'down';
}

/** The slots of a service that have a task, by number. */
export function slotsOf(service: Service, state: WatchedState): readonly Slot[] {
  const bySlot = new Map<number, Task[]>();
  for (const task of state.tasks.values()) {
    if (task.serviceId !== service.id) continue;
    const tasks = bySlot.get(task.slot);
    if (tasks === undefined) bySlot.set(task.slot, [task]);
    else tasks.push(task);
  }
  return [...bySlot.entries()]
    .sort(([a], [b]) => a - b)
    .map(([number, tasks]) => slot(number, tasks.sort(newestFirst), service, state));
}

function slot(number: number, tasks: readonly Task[], service: Service, state: WatchedState): Slot {
  const upToDate = tasks.filter((task) => task.taskHash === service.taskHash);
  const wanted = upToDate.filter(isWanted);
  const current = wanted.find((task) => !isTerminal(task.status.state)) ?? wanted[0];
  return {
    number,
    current,
    ended: upToDate.filter((task) => task !== current && isTerminal(task.status.state)),
    terminating: tasks.filter(
      (task) =>
        task !== current &&
        !isTerminal(task.status.state) &&
        !isNodeDown(task.nodeId === undefined ? undefined : state.nodes.get(task.nodeId)),
    ),
  };
}

/** Eligible nodes without an up-to-date task of a global service. */
export function unfilledNodes(
  { spec }: Service,
  slots: readonly Slot[],
  state: WatchedState,
): readonly Node[] {
  const filled = new Set(slots.map(({ current }) => current?.nodeId));
  const { container, placement } = spec.task;
  const demand = { platform: container.platform, constraints: placement.constraints };
  return [...state.nodes.values()].filter((node) => !filled.has(node.id) && nodeFits(node, demand));
}

/** Desired number of slots; undefined for a global service, which has one per eligible node. */
export function replicasOf(service: Service): number | undefined {
  if (service.spec.halted || service.removing) return 0;
  return service.spec.mode.kind === 'replicated' ? service.spec.mode.replicas : undefined;
}

export function taskNodeName(state: WatchedState, task: Task): string {
  return task.nodeId === undefined ? '' : (state.nodes.get(task.nodeId)?.spec.name ?? '');
}
