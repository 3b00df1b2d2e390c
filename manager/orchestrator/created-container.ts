import { clientSlot } from '../common/model/compose/compose-container.js';
import { currentTask, isNodeLost, isShuttingDown, isWanted } from '../store/slots.js';
import { movesOnNodeFailure } from '../common/model/swarm-expression.js';
import type { Task } from '../common/model/task.js';
import { isTerminal } from '../common/model/task-state.js';
import { createTask, retireTask, startWhenGateOpens } from './plan-slot.js';
import { reap } from './reap.js';
import { reconcileRemoval } from './replicated.js';
import type { ServiceSnapshot, WantedSlot } from './service-snapshot.js';
import { nodeOf } from './service-snapshot.js';
import type { TaskChange } from './task-change.js';

/**
 * Decides about a container that a client created through the Docker API: it is placed once and
 * stays on its node, whatever becomes of it there, unless its client wants it to move when the node
 * is lost. Only its client starts it again, in the same container.
 */
export function reconcileCreated(snapshot: ServiceSnapshot): readonly TaskChange[] {
  const { spec } = snapshot.service;
  const tasks = [...snapshot.tasks].sort((a, b) => b.createdAt - a.createdAt);
  if (spec.task.container.origin?.autoRemove === true && hasEnded(tasks)) {
    const { service } = snapshot;
    return reconcileRemoval({ ...snapshot, service: { ...service, removing: true } });
  }
  const changes = spec.halted ? halt(tasks) : run(tasks, snapshot);
  const ending = new Set(
    changes.flatMap((change) => (change.kind === 'desire' ? [change.taskId] : [])),
  );
  const surplusCause = 'the container has one slot';
  return [...reap(snapshot, new Set([clientSlot(spec)]), { ending, surplusCause }), ...changes];
}

/** Whether the newest run of the container is over. */
function hasEnded([newest]: readonly Task[]): boolean {
  return newest !== undefined && isTerminal(newest.status.state);
}

/** Whether the container is to leave its lost node, as its client has asked for. */
function mustMove(task: Task, snapshot: ServiceSnapshot): boolean {
  const { labels } = snapshot.service.spec.task.container;
  if (task.nodeId === undefined || !movesOnNodeFailure(labels)) return false;
  return !isTerminal(task.status.state) && isNodeLost(nodeOf(task, snapshot));
}

function halt(tasks: readonly Task[]): readonly TaskChange[] {
  return tasks
    .filter((task) => isWanted(task) && !isTerminal(task.status.state))
    .map((task) => retireTask(task, 'the container is stopped'));
}

function run(tasks: readonly Task[], snapshot: ServiceSnapshot): readonly TaskChange[] {
  const current = currentTask(tasks);
  if (current !== undefined) {
    if (mustMove(current, snapshot)) {
      const cause = 'its node is down';
      const slot: WantedSlot = { slot: clientSlot(snapshot.service.spec), mayFill: true };
      return [retireTask(current, cause), createTask(slot, snapshot, { cause })];
    }
    return isTerminal(current.status.state) ? [] : startWhenGateOpens(current, snapshot);
  }
  const [last] = tasks;
  const slot: WantedSlot = { slot: clientSlot(snapshot.service.spec), mayFill: true };
  if (last === undefined) return [createTask(slot, snapshot, { cause: 'it was created' })];
  if (isShuttingDown(last) || last.status.containerId === undefined) return [];
  if (isNodeLost(nodeOf(last, snapshot))) return [];
  return [createTask(slot, snapshot, { cause: 'it was started', adopts: last })];
}
