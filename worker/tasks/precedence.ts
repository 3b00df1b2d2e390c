import type { AssignedTask } from '../../manager/common/protocol/assignments.js';
import type { SeenContainer } from '../executor/executor.js';

/*
 * On a node that has been away its engine starts what ran there before, while other tasks have been given to
 * it meanwhile. What has to go goes before what would share its data or its ports is started.
 */

export function isUnwanted({ desired }: AssignedTask): boolean {
  return desired === 'shutdown' || desired === 'remove';
}

/** Another task of the slot. */
export function isSameSlot(a: AssignedTask, b: AssignedTask): boolean {
  return a.id !== b.id && a.serviceId === b.serviceId && a.slot === b.slot;
}

/** The container was in the task's slot, which its name tells, or publishes a port that the task is to have. */
export function isInTheWay(container: SeenContainer, task: AssignedTask): boolean {
  return wasNamed(container.name, task.containerName) || sharesPort(container, task);
}

/** It has the name, or had it until a successor was made, see `freeName` in executor/docker/containers.ts. */
function wasNamed(name: string, wanted: string): boolean {
  return name === wanted || (name.endsWith(`_${wanted}`) && /^[0-9a-f]{12}_/u.test(name));
}

function sharesPort({ ports }: SeenContainer, { spec }: AssignedTask): boolean {
  return spec.ports.some(({ published, publishedEnd = published, protocol }) =>
    ports.some((taken) => {
      if (taken.protocol !== protocol || published === undefined) return false;
      return taken.published >= published && taken.published <= (publishedEnd ?? published);
    }),
  );
}
