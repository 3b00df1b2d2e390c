import type { Volume } from '../common/model/network.js';
import type { Node } from '../common/model/node.js';
import type { Task } from '../common/model/task.js';
import type { CandidateCache } from './candidates.js';
import type { PlacementView } from '../store/indexes/placement-index.js';

export type Strategy = 'spread' | 'binpack' | 'random';

/** Input of a placement decision: a consistent view of the store. */
export interface SchedulerInput {
  readonly nodes: readonly Node[];
  /** Tasks to place; by default all that wait. Their followers are placed with them. */
  readonly tasks?: readonly Task[];
  readonly placement: PlacementView;
  readonly volumeByName: (name: string) => Volume | undefined;
  readonly tasksOfNode: (id: Node['id']) => readonly Task[];
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly strategy: Strategy;
  /** Seed of the `random` strategy. */
  readonly seed: number;
  /** Kept between decisions to save work; without it each decision reads all nodes. */
  readonly candidates?: CandidateCache;
}
