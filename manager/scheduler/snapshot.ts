import type { Volume } from '../common/model/network.js';
import type { Node } from '../common/model/node.js';
import type { Task } from '../common/model/task.js';
import type { PlacementView } from '../store/placement-index.js';
import { PlacementIndex } from '../store/placement-index.js';

export type Strategy = 'spread' | 'binpack' | 'random';

/** Input of a placement decision: a consistent view of the store. */
export interface SchedulerInput {
  readonly nodes: readonly Node[];
  readonly placement: PlacementView;
  readonly volumeByName: (name: string) => Volume | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly strategy: Strategy;
  /** Seed of the `random` strategy. */
  readonly seed: number;
}

/** The same as lists of all objects. */
export interface SchedulerSnapshot extends Pick<SchedulerInput, 'now' | 'strategy' | 'seed'> {
  readonly nodes: readonly Node[];
  readonly tasks: readonly Task[];
  readonly volumes: readonly Volume[];
}

/** Reads all objects of a snapshot, for decisions apart from a store. */
export function inputOf({ tasks, volumes, ...rest }: SchedulerSnapshot): SchedulerInput {
  const placement = new PlacementIndex();
  for (const task of tasks) placement.change(undefined, task);
  const byName = new Map(volumes.map((volume) => [volume.spec.name, volume]));
  return { ...rest, placement, volumeByName: (name) => byName.get(name) };
}
