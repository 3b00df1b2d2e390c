import type { AssignedTask } from '../../manager/common/protocol/assignments.js';
import type { ObservedContainer } from '../executor/executor.js';

/*
 * The engine of a returning node starts its former containers, while other tasks have been assigned
 * to the node meanwhile. A container to be removed goes before any task that shares its data or
 * ports is started.
 */

export function isUnwanted({ desired }: AssignedTask): boolean {
  return desired === 'shutdown' || desired === 'remove';
}

/** True for two different tasks of the same slot. */
export function isSameSlot(a: AssignedTask, b: AssignedTask): boolean {
  return a.id !== b.id && a.serviceId === b.serviceId && a.slot === b.slot;
}

/**
 * True if the container was in the task's slot, which its name shows, or publishes a port that the
 * task needs.
 */
export function conflictsWith(container: ObservedContainer, task: AssignedTask): boolean {
  return wasNamed(container.name, task.containerName) || sharesPort(container, task);
}

/**
 * True if the container has the name or had it before it was renamed for its successor
 * (executor/docker/containers.ts).
 */
function wasNamed(name: string, wanted: string): boolean {
  return name === wanted || (name.endsWith(`_${wanted}`) && /^[0-9a-f]{12}_/u.test(name));
}

function sharesPort({ ports }: ObservedContainer, { spec }: AssignedTask): boolean {
  return spec.ports.some(({ published, publishedEnd = published, protocol }) =>
    ports.some((taken) => {
      if (taken.protocol !== protocol || published === undefined) return false;
      return taken.published >= published && taken.published <= (publishedEnd ?? published);
    }),
  );
}
