import { needsRunningLeader, podLinksOf } from '../../../manager/common/model/pod.js';
import type { Service } from '../../../manager/common/model/service.js';
import type { Task } from '../../../manager/common/model/task.js';
import { isTerminal } from '../../../manager/common/model/task-state.js';
import type { WatchedState } from '../../client/watched.js';
import type { Slot } from './slots.js';
import { slotsOf } from './slots.js';

/**
 * True if a task ended because the service whose namespaces it shares went away or restarted: a
 * successor will follow.
 */
export function endedWithNamespaceOwner(
  service: Service,
  task: Task,
  state: WatchedState,
): boolean {
  const leaders = podLinksOf(task.spec.container)
    .filter(needsRunningLeader)
    .map((tie) => tie.service);
  return [...state.services.values()]
    .filter(({ spec }) => spec.project === service.spec.project && leaders.includes(spec.service))
    .map((leader) => slotsOf(leader, state).find(({ number }) => number === task.slot))
    .some((slot) => slot === undefined || hasChanged(slot, task));
}

function hasChanged({ current, terminating: leaving }: Slot, follower: Task): boolean {
  if (leaving.length > 0 || current === undefined) return true;
  if (isTerminal(current.status.state)) return false;
  const { startedAt } = current.status;
  if (startedAt === undefined) return true;
  return current.createdAt > follower.createdAt || startedAt > (follower.status.startedAt ?? 0);
}
