import type { Task } from '../../../manager/common/model/task.js';
import { isTerminal } from '../../../manager/common/model/task-state.js';
import type { WatchedState } from '../../client/watched.js';
import { slotsOf } from './slots.js';

/**
 * Returns `state` without the tasks created since `before`. With it as the baseline, `newlyEnded`
 * also reports short jobs that ended before all services were up.
 */
export function withoutNewTasks(before: WatchedState, state: WatchedState): WatchedState {
  const known = [...state.tasks].filter(([id]) => before.tasks.has(id));
  return { ...state, tasks: new Map(known) };
}

/**
 * Tasks of the services that ended between the two states, including tasks created in between, by
 * container name.
 */
export function newlyEnded(
  before: WatchedState,
  now: WatchedState,
  services: ReadonlySet<string>,
): readonly Task[] {
  return [...now.tasks.values()]
    .filter((task) => services.has(task.service) && isTerminal(task.status.state))
    .filter((task) => {
      const old = before.tasks.get(task.id);
      if (old !== undefined) return !isTerminal(old.status.state);
      // A task that never ran is replaced; its successor reports the failure.
      return task.status.exitCode !== undefined;
    })
    .sort((a, b) => (a.containerName < b.containerName ? -1 : 1));
}

/** True if no task of the services runs or will start. */
export function allEnded(
  state: WatchedState,
  project: string,
  services: ReadonlySet<string>,
): boolean {
  return [...state.services.values()]
    .filter(({ spec }) => spec.project === project && services.has(spec.service))
    .flatMap((service) => slotsOf(service, state))
    .every(
      ({ current, terminating: leaving }) =>
        leaving.length === 0 && (current === undefined || isTerminal(current.status.state)),
    );
}
