import type { ContainerSpec, MountSpec } from '../common/model/container.js';
import type { Task } from '../common/model/task.js';
import { isAssigned } from '../common/model/task-state.js';
import { wasRejected } from './slots.js';

/*
 * Anonymous volumes belong to a slot: each container passes them on to the next one on the same node
 * (see worker/executor/docker/mounts/anonymous-volumes.ts). The next task therefore returns to that node,
 * and an ended task is kept until a later one has a container.
 */

/** The task of a slot whose container has the volumes that a new task is to reuse. */
export interface VolumeHolder {
  readonly task: Task;
  /** Paths of the volumes, sorted. */
  readonly targets: readonly string[];
  /** Whether the Compose file asks for one of them, not only the image's `VOLUME`. */
  readonly isExplicit: boolean;
}

/**
 * Finds the newest task of a slot with anonymous volumes that a new container of the slot would
 * reuse; those that the Compose file asks for take precedence. `slotTasks` are newest first.
 */
export function findVolumeHolder(
  container: ContainerSpec,
  slotTasks: readonly Task[],
): VolumeHolder | undefined {
  const wanted = explicitTargets(container);
  const mounted = [...container.mounts, ...container.files].map(({ target }) => target);
  const holders = slotTasks.filter((task) => mayHaveContainer(task) && mayPassOn(task, container));
  const find = (
    isExplicit: boolean,
    matches: (target: string) => boolean,
  ): VolumeHolder | undefined => {
    for (const task of holders) {
      const targets = volumeTargets(task).filter(matches);
      if (targets.length > 0) return { task, targets, isExplicit };
    }
    return undefined;
  };
  return (
    find(true, (target) => wanted.includes(target)) ??
    find(false, (target) => !mounted.includes(target))
  );
}

/** The task with the slot's newest container, if it has anonymous volumes: they are still needed. */
export function findLastWithVolumes(slotTasks: readonly Task[]): Task | undefined {
  return slotTasks.find(
    (task) =>
      task.status.containerId !== undefined && !wasRejected(task) && hasAnonymousVolumes(task),
  );
}

export function hasAnonymousVolumes({ spec, status }: Task): boolean {
  return status.anonymousVolumes !== undefined || spec.container.mounts.some(isExplicit);
}

/** Paths of a task's anonymous volumes: those of its spec, and those that the node reported. */
function volumeTargets({ spec, status }: Task): readonly string[] {
  return [
    ...new Set([...explicitTargets(spec.container), ...(status.anonymousVolumes ?? [])]),
  ].sort();
}

function explicitTargets({ mounts }: ContainerSpec): readonly string[] {
  return mounts.filter(isExplicit).map(({ target }) => target);
}

function isExplicit(mount: MountSpec): boolean {
  return mount.type === 'volume' && mount.source === undefined;
}

/**
 * Whether a container that was started may exist, and is not to be removed. A manager that has just
 * started knows the containers of running tasks only from their nodes' next reports.
 */
function mayHaveContainer(task: Task): boolean {
  const { nodeId, desired, status } = task;
  if (nodeId === undefined || desired === 'remove' || wasRejected(task)) return false;
  return status.containerId !== undefined || isAssigned(status.state);
}

function mayPassOn({ spec }: Task, { volumesRenewedAt = 0 }: ContainerSpec): boolean {
  return (spec.container.volumesRenewedAt ?? 0) >= volumesRenewedAt;
}
