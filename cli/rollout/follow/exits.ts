import type { Task } from '../../../manager/common/model/task.js';
import { isTerminal } from '../../../manager/common/model/task-state.js';
import type { Watched } from '../../client/watched.js';
import { slotsOf } from './slots.js';

/**
 * The state as it is, without the tasks that were made since `before`: what of them has ended already, as
 * a job of a moment has by the time that everything is started, is still to be told.
 */
export function withoutNewTasks(before: Watched, state: Watched): Watched {
  const known = [...state.tasks].filter(([id]) => before.tasks.has(id));
  return { ...state, tasks: new Map(known) };
}

/** Tasks of these services that ended between two looks, or were made and ran and ended, by name. */
export function newlyEnded(
  before: Watched,
  now: Watched,
  services: ReadonlySet<string>,
): readonly Task[] {
  return [...now.tasks.values()]
    .filter((task) => services.has(task.service) && isTerminal(task.status.state))
    .filter((task) => {
      const old = before.tasks.get(task.id);
      if (old !== undefined) return !isTerminal(old.status.state);
      // One that never ran has a successor, which tells more.
      return task.status.exitCode !== undefined;
    })
    .sort((a, b) => (a.containerName < b.containerName ? -1 : 1));
}

/** True when nothing of these services runs or will run any more. */
export function allEnded(state: Watched, project: string, services: ReadonlySet<string>): boolean {
  return [...state.services.values()]
    .filter(({ spec }) => spec.project === project && services.has(spec.service))
    .flatMap((service) => slotsOf(service, state))
    .every(
      ({ current, leaving }) =>
        leaving.length === 0 && (current === undefined || isTerminal(current.status.state)),
    );
}
