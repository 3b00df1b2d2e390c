import type { Volume } from '../../../manager/common/model/network.js';
import type { Node } from '../../../manager/common/model/node.js';
import type { Task } from '../../../manager/common/model/task.js';
import type { SchedulerInput } from '../../../manager/scheduler/input.js';
import { PlacementIndex } from '../../../manager/store/indexes/placement-index.js';

/** Input of the scheduler as lists of all objects. */
export interface SchedulerSnapshot extends Pick<SchedulerInput, 'now' | 'strategy' | 'seed'> {
  readonly nodes: readonly Node[];
  readonly tasks: readonly Task[];
  readonly volumes: readonly Volume[];
}

/** The facts that placements depend on, of these tasks. */
export function placementOf(tasks: readonly Task[]): PlacementIndex {
  const byId = new Map<string, Task>(tasks.map((task) => [task.id, task]));
  const placement = new PlacementIndex((id) => byId.get(id));
  for (const task of tasks) placement.change(undefined, task);
  return placement;
}

/** Reads all objects of a snapshot, for decisions apart from a store. */
export function inputOf({ tasks, volumes, ...rest }: SchedulerSnapshot): SchedulerInput {
  const placement = placementOf(tasks);
  const byName = new Map(volumes.map((volume) => [volume.spec.name, volume]));
  return {
    ...{ ...rest, placement, volumeByName: (name) => byName.get(name) },
    tasksOfNode: (id) => tasks.filter(({ nodeId }) => nodeId === id),
  };
}
