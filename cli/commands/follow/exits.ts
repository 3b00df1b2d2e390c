import type { Task } from '../../../manager/model/task.js';
import { isTerminal } from '../../../manager/model/task-state.js';
import type { Watched } from '../../client/watched.js';
import { slotsOf } from './slots.js';

/** Tasks of these services that ended between two looks, in order of their names. */
export function newlyEnded(
  before: Watched,
  now: Watched,
  services: ReadonlySet<string>,
): readonly Task[] {
  return [...now.tasks.values()]
    .filter((task) => services.has(task.service) && isTerminal(task.status.state))
    .filter((task) => {
      const old = before.tasks.get(task.id);
      return old !== undefined && !isTerminal(old.status.state);
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
