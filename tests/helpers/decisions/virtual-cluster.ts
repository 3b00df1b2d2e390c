import type { NodeId } from '../../../manager/common/model/ids.js';
import type { Volume } from '../../../manager/common/model/network.js';
import type { Node } from '../../../manager/common/model/node.js';
import type { Service } from '../../../manager/common/model/service.js';
import type { Task } from '../../../manager/common/model/task.js';
import { isTerminal } from '../../../manager/common/model/task-state.js';
import { reconcile } from '../../../manager/orchestrator/reconcile.js';
import { decide } from '../../../manager/scheduler/decide.js';
import { inputOf } from './scheduler-input.js';
import { applyTaskChanges } from './apply-task-changes.js';
import { aServiceSnapshot } from './service-snapshot.js';

export interface VirtualCluster {
  readonly service: Service;
  readonly nodes: readonly Node[];
  readonly tasks: readonly Task[];
  readonly volumes: readonly Volume[];
}

/**
 * Runs the decisions of orchestrator and scheduler and perfect workers in turns, until nothing
 * changes any more. Each turn takes a second. Calls `check` after every turn.
 */
export function runUntilSettled(
  cluster: VirtualCluster,
  check: (cluster: VirtualCluster) => void = () => undefined,
): VirtualCluster {
  let state = cluster;
  let idle = 0;
  for (let turn = 0; turn < 300 && idle < 12; turn += 1) {
    const now =
      1_000_000 + Math.max(0, ...cluster.tasks.map(({ createdAt }) => createdAt)) + turn * 1_000;
    const snapshot = aServiceSnapshot(state.service, state.tasks, { nodes: state.nodes, now });
    const changes = reconcile(snapshot).filter(({ kind }) => kind !== 'wait');
    const decided = applyTaskChanges(state, changes, now) ?? state;
    const placed = placeTasks(decided, now);
    const next = { ...placed, tasks: placed.tasks.map((task) => carryOut(task, now)) };
    const hasMoved = next.tasks.some((task, at) => task !== state.tasks[at]);
    idle = changes.length === 0 && !hasMoved ? idle + 1 : 0;
    state = next;
    check(state);
  }
  return state;
}

function placeTasks(cluster: VirtualCluster, now: number): VirtualCluster {
  const { nodes } = cluster;
  let { tasks, volumes } = cluster;
  tasks = tasks.map((task) =>
    task.status.state === 'new' ? { ...task, status: { ...task.status, state: 'pending' } } : task,
  );
  const decisions = decide(inputOf({ nodes, tasks, volumes, now, strategy: 'spread', seed: 1 }));
  for (const decision of decisions) {
    tasks = tasks.map((task) => {
      if (task.id !== decision.taskId) return task;
      const { summary, reasons, awaits } = task.explanation ?? { summary: '', reasons: [] };
      const isSame = JSON.stringify({ summary, reasons, awaits }) === key(decision.explanation);
      if (decision.kind === 'postpone') {
        return isSame ? task : { ...task, explanation: { ...decision.explanation, at: now } };
      }
      return {
        ...task,
        nodeId: decision.nodeId,
        explanation: { ...decision.explanation, at: now },
        status: { ...task.status, state: 'assigned', at: now },
      };
    });
    if (decision.kind === 'postpone') continue;
    const bind = (volume: Volume): Volume =>
      decision.volumeIds.includes(volume.id)
        ? { ...volume, nodeIds: [...volume.nodeIds, decision.nodeId] }
        : volume;
    volumes = volumes.map(bind);
  }
  return { ...cluster, tasks, volumes };
}

function key({
  summary,
  reasons,
  awaits,
}: Pick<NonNullable<Task['explanation']>, 'summary' | 'reasons' | 'awaits'>): string {
  return JSON.stringify({ summary, reasons, awaits });
}

/** One step of a worker: a task is assigned, ready, running and healthy in successive turns. */
function carryOut(task: Task, now: number): Task {
  const { state, health } = task.status;
  if (isTerminal(state) || state === 'new' || state === 'pending') return task;
  const move = (status: Partial<Task['status']>): Task => ({
    ...task,
    updatedAt: now,
    status: { ...task.status, at: now, ...status },
  });
  if (task.desired === 'shutdown' || task.desired === 'remove') return move({ state: 'shutdown' });
  if (state === 'assigned') return move({ state: 'ready' });
  if (state === 'ready' && task.desired === 'running') {
    return move({ state: 'running', startedAt: now, health: 'starting' });
  }
  return state === 'running' && health === 'starting' ? move({ health: 'healthy' }) : task;
}

/** Tasks that answer requests: running, healthy and wanted, as DNS sees them. */
export function servingTasks({ tasks }: Pick<VirtualCluster, 'tasks'>): readonly Task[] {
  return tasks.filter(
    ({ status, desired }) =>
      status.state === 'running' && status.health !== 'starting' && desired === 'running',
  );
}

/** Tasks that hold their node's resources, by node. */
export function heldTasks({ tasks }: VirtualCluster, nodeId: NodeId): readonly Task[] {
  return tasks.filter(
    ({ status, nodeId: on }) =>
      on === nodeId && !isTerminal(status.state) && status.state !== 'pending',
  );
}
